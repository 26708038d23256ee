"""Telling programs of scans that have ended: signed, tried again for a day, and written down.

The rows are the truth, as with scans: the sweeper notices scans that have ended and deliveries that are due,
the queue carries their ids, and a worker claims a delivery before it sends it. So it comes at least once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from ml_app import audit
from ml_app.audit import Action
from ml_app.errors import refuse
from ml_app.models import Delivery, Scan, Webhook
from ml_app.services import access
from ml_app.services.notifications import attempts
from ml_app.services.notifications.outbound import Outcome, check_url, post

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)
DELIVER = "ml_app.jobs.deliveries.deliver"  # by name: tasks call services, not the other way round
MOST_PER_ACCOUNT = 10
# Seconds from one attempt to the next: a day altogether, then it is given up.
PAUSES = (10, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600, 6 * 3600, 10 * 3600)
LEASE = timedelta(seconds=60)  # an attempt takes less; one whose worker died is made again after this
WINDOW = timedelta(days=1)  # scans that ended longer ago are not told of any more
KEPT = timedelta(days=30)
AT_ONCE = 200  # of each kind in one round of the sweeper
EVENTS: dict[str, str] = {status.value: f"scan.{status.value}" for status in Scan.TERMINAL}


def create_webhook(*, user: User, url: str) -> Webhook:
    """Note an address to be told of the scans of an account.

    Raises:
        ServiceError: "bad_url" or "too_many_webhooks".
    """
    check_url(url)
    if Webhook.objects.filter(user=user).count() >= MOST_PER_ACCOUNT:
        raise refuse("too_many_webhooks")
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    with transaction.atomic():
        webhook = Webhook.objects.create(user=user, url=url, secret=secret)
        audit.record(Action.MADE, webhook)
    return webhook


def delete_webhook(*, webhook: Webhook) -> None:
    """Tell it nothing more. Its log goes with it."""
    subject = audit.subject_of(webhook)
    with transaction.atomic():
        webhook.delete()
        audit.record(Action.DELETED, subject)


def sign(secret: str, *, message_id: str, timestamp: int, body: str) -> str:
    """The header `Webhook-Signature`, as standardwebhooks.com has it: HMAC-SHA256 of id, time and body."""
    said = f"{message_id}.{timestamp}.{body}".encode()
    digest = hmac.new(base64.b64decode(secret), said, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def note_ended() -> int:
    """Write down what is to be told of scans that have ended. Returns how many deliveries are new."""
    noted = 0
    for webhook in Webhook.objects.select_related("user").iterator():
        since = max(webhook.created_at, timezone.now() - WINDOW)
        told = Delivery.objects.filter(webhook=webhook, scan_id=OuterRef("pk"))
        own = access.own_scans(access.actor_of_user(webhook.user))
        ended = own.filter(status__in=Scan.TERMINAL, finished_at__gte=since)
        for scan in ended.exclude(Exists(told)).order_by("finished_at")[:AT_ONCE]:
            noted += _note(webhook, scan)
    return noted


def _note(webhook: Webhook, scan: Scan) -> bool:
    said = {
        "type": EVENTS[scan.status],
        "timestamp": scan.finished_at.isoformat() if scan.finished_at else None,
        "data": {
            "scan": str(scan.pk),
            "status": scan.status,
            "verdict": scan.verdict or None,
            "fake_probability": scan.fake_probability,
            "error": scan.error_code or None,
            "path": f"/api/v1/scans/{scan.pk}",
        },
    }
    values = {"body": json.dumps(said), "next_at": timezone.now()}
    key = {"webhook": webhook, "scan_id": scan.pk, "event": EVENTS[scan.status]}
    return Delivery.objects.get_or_create(**key, defaults=values)[1]


def send_due() -> int:
    """Give the deliveries that are due to the workers. Returns how many."""
    return attempts.send_due(Delivery.objects.all(), task=DELIVER, at_most=AT_ONCE, called="Webhooks")


def deliver(delivery_id: str) -> bool:
    """One attempt, if the delivery is due. True if it arrived."""
    if not Delivery.objects.claim(delivery_id, lease=LEASE):
        return False
    row = Delivery.objects.select_related("webhook").get(pk=delivery_id)
    outcome = _send(row)
    values: dict[str, Any] = {"status": outcome.status or None, "error": outcome.error}
    if outcome.ok:
        values |= {"delivered_at": timezone.now(), "next_at": None}
    else:
        values |= {"next_at": attempts.after_pause(row.attempts, PAUSES)}
    Delivery.objects.end(row.pk, row.attempts, **values)
    logger.info("Delivery %s, attempt %d: %s", row.pk, row.attempts, outcome.error or outcome.status)
    return outcome.ok


def _send(row: Delivery) -> Outcome:
    now = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "deepfake-site",
        "Webhook-Id": str(row.pk),
        "Webhook-Timestamp": str(now),
        "Webhook-Signature": sign(row.webhook.secret, message_id=str(row.pk), timestamp=now, body=row.body),
    }
    return post(row.webhook.url, row.body.encode(), headers, networks=settings.WEBHOOK_NETWORKS)


def replay(*, delivery: Delivery) -> None:
    """Send it again as if it were new, under the same id. Refreshes `delivery`."""
    Delivery.objects.filter(pk=delivery.pk).update(next_at=timezone.now(), attempts=0, delivered_at=None)
    delivery.refresh_from_db()


def prune_deliveries() -> int:
    """Delete what ended long ago from the log. Returns how many."""
    return Delivery.objects.older_than(timezone.now() - KEPT).delete()[0]
