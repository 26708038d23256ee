"""Webhooks: whom programs want to be told of scans that have ended, and every attempt to do so."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


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


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Deliveries."""

    def due(self) -> DeliveryQuerySet:
        """Those whose next attempt is to begin now, the oldest first."""
        return self.filter(next_at__lte=timezone.now()).order_by("next_at")

    def claim(self, pk: uuid.UUID | str, *, lease: timedelta) -> bool:
        """Begin an attempt. False: it is not due, or another worker was faster."""
        changed = self.due().order_by().filter(pk=pk)
        return changed.update(next_at=timezone.now() + lease, attempts=F("attempts") + 1) == 1

    def end(self, pk: uuid.UUID | str, attempts: int, **values: Any) -> bool:
        """End the attempt of this number. False: it was taken over meanwhile."""
        return self.filter(pk=pk, attempts=attempts, next_at__isnull=False).update(**values) == 1

    def older_than(self, moment: datetime) -> DeliveryQuerySet:
        """Those that ended before."""
        return self.filter(next_at__isnull=True, created_at__lt=moment)


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
