"""Batches: many videos that somebody gave at once, each with a row that says what became of it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ml_app.models.scan import Scan
from ml_app.models.states import Status
from ml_app.models.team import Team
from ml_app.models.video import Video


class BatchQuerySet(models.QuerySet["Batch"]):
    """Batches."""

    def hungry(self) -> BatchQuerySet:
        """Those with files that no scan was ordered of yet, and that go on, the oldest first."""
        waiting = BatchItem.objects.pending().filter(batch=models.OuterRef("pk"))
        return self.filter(models.Exists(waiting), is_paused=False, cancelled_at=None).order_by("created_at")

    def claim(self, pk: uuid.UUID, *, lease: timedelta) -> bool:
        """A worker feeds a batch. False: another does."""
        now = timezone.now()
        free = Q(fed_until=None) | Q(fed_until__lt=now)
        return self.filter(free, pk=pk).update(fed_until=now + lease) == 1


class Batch(models.Model):
    """Many videos at once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.CharField(_("owner"), max_length=64)
    team = models.ForeignKey(
        Team,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="batches",
        verbose_name=_("team"),
        db_index=False,  # "batch_list_of_team" begins with it
    )
    ordered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("ordered by")
    )
    name = models.CharField(_("name"), max_length=200)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    frame_count = models.PositiveSmallIntegerField(_("frames to read"))
    detector_name = models.CharField(_("detector"), max_length=64)
    also = models.CharField(max_length=255, blank=True, default="", db_default="")  # as a scan's
    archive = models.CharField(max_length=255, blank=True)  # its name in the storage, until all was unpacked
    is_paused = models.BooleanField(default=False)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    fed_until = models.DateTimeField(null=True, blank=True)  # so long no other worker looks at it

    objects: ClassVar[BatchQuerySet] = BatchQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="batch_list"),
            models.Index(fields=["team", "-created_at"], name="batch_list_of_team"),
        ]

    def __str__(self) -> str:
        return self.name


class ItemState(models.TextChoices):
    """What became of one file of a batch."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Being analysed")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    REFUSED = "refused", _("Refused")
    DELETED = "deleted", _("Deleted")


class BatchItemQuerySet(models.QuerySet["BatchItem"]):
    """Files of batches."""

    def pending(self) -> BatchItemQuerySet:
        """Those of which no scan was ordered yet."""
        return self.filter(ordered_at=None, error_code="")

    def with_state(self) -> BatchItemQuerySet:
        """Those that know their `state`, an `ItemState`."""
        state = Case(
            When(~Q(error_code=""), then=Value(ItemState.REFUSED)),
            When(ordered_at=None, batch__cancelled_at__isnull=False, then=Value(ItemState.CANCELLED)),
            When(ordered_at=None, then=Value(ItemState.WAITING)),
            When(scan=None, then=Value(ItemState.DELETED)),
            When(scan__status=Status.QUEUED, then=Value(ItemState.WAITING)),
            default=F("scan__status"),
            output_field=models.CharField(),
        )
        return self.annotate(standing=state)


class BatchItem(models.Model):
    """One file of a batch: of its archive, uploaded by itself, or behind a link."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, models.CASCADE, related_name="items")
    number = models.PositiveIntegerField()  # the order in which they were given
    name = models.CharField(_("name"), max_length=2000)
    url = models.CharField(max_length=2000, blank=True)
    member = models.PositiveIntegerField(null=True, blank=True)  # its place in the archive
    video = models.ForeignKey(Video, models.SET_NULL, null=True, blank=True, related_name="batch_items")
    scan = models.ForeignKey(Scan, models.SET_NULL, null=True, blank=True, related_name="batch_items")
    ordered_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=64, blank=True)  # why it was refused

    objects: ClassVar[BatchItemQuerySet] = BatchItemQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("file of a batch")
        verbose_name_plural = _("files of batches")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="batch_item_number")]
        indexes = [
            models.Index(
                fields=["batch", "number"],
                condition=Q(ordered_at=None, error_code=""),
                name="batch_item_pending",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """Where it stands, of those that `with_state` gave."""
        return str(self.__dict__["standing"])

    @property
    def state_label(self) -> str:
        """`state` in words."""
        return str(ItemState(self.state).label)
