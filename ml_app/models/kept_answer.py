"""The answers of the API that are given once for each key."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class KeptAnswerQuerySet(models.QuerySet["KeptAnswer"]):
    """Answers."""

    def older_than(self, moment: datetime) -> KeptAnswerQuerySet:
        """Those begun before."""
        return self.filter(created_at__lt=moment)


class KeptAnswer(models.Model):
    """What was answered to an Idempotency-Key of an owner; without a status, what is being done just now."""

    owner = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of address and body
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    location = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[KeptAnswerQuerySet] = KeptAnswerQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("kept answer")
        verbose_name_plural = _("kept answers")
        indexes = [models.Index(fields=["created_at"], name="kept_answer_by_age")]
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="kept_answer_once_per_key")]

    def __str__(self) -> str:
        return self.key
