"""What the worker does with the id of a delivery to a webhook, or of an e-mail."""

from __future__ import annotations

from celery import shared_task
from django.db import close_old_connections

from ml_app.services.notifications import notice_mail, webhooks


@shared_task(name=webhooks.DELIVER, ignore_result=True)
def deliver(delivery_id: str) -> None:
    """One attempt. What failed is tried again by the sweeper, at the time that its row says."""
    close_old_connections()
    webhooks.deliver(delivery_id)


@shared_task(name=notice_mail.SEND, ignore_result=True)
def send_notices(mail_id: str) -> None:
    """One attempt at an e-mail with notices; the sweeper tries again where that is right."""
    close_old_connections()
    notice_mail.send(mail_id)
