"""Webhooks: whom programs want to be told of scans that have ended, and every attempt to do so."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ml_app.models.attempts import AttemptQuerySet


class Webhook(models.Model):
    """An address that hears of the scans of an account."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="webhooks", verbose_name=_("account")
    )
    url = models.CharField(_("address"), max_length=500)
    secret = models.CharField(max_length=64)  # signs what is sent, so it cannot be kept as a hash
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = "webhook"
        verbose_name_plural = "webhooks"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.url


class DeliveryQuerySet(AttemptQuerySet["Delivery"]):
    """Deliveries."""


class Delivery(models.Model):
    """What one webhook is told of one scan. It is being tried as long as it has a next time."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    scan_id = models.UUIDField()  # no foreign key: the log stays when the scan is deleted
    event = models.CharField(max_length=32)
    body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)  # null: delivered or given up
    delivered_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)  # the last answer's
    error = models.CharField(max_length=200, blank=True)  # why there was none, or no good one

    objects: ClassVar[DeliveryQuerySet] = DeliveryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["webhook", "-created_at"], name="delivery_log"),
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="delivery_due"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "scan_id", "event"], name="delivery_once_per_event")
        ]

    def __str__(self) -> str:
        return f"{self.event} · {self.webhook_id}"
