"""The rows: Video, Scan, Face, FaceFrame, Review. What a row may become stands in `querysets`."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ml_app.querysets import ScanQuerySet, VideoQuerySet
from ml_app.verdicts import Evidence, Verdict
from ml_app.workers import Worker

__all__ = ["Evidence", "Face", "FaceFrame", "Review", "Scan", "Verdict", "Video", "Worker"]

PROBABILITY = [MinValueValidator(0.0), MaxValueValidator(1.0)]


def _in_unit_interval(name: str) -> Q:
    return Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__gte": 0.0, f"{name}__lte": 1.0})


def video_path(video: Video, filename: str) -> str:
    """Where an upload is kept: nothing of its name but a harmless suffix is used."""
    suffix = PurePosixPath(filename).suffix.lower()[:8]
    return f"videos/{video.pk}/original{suffix if suffix[1:].isalnum() else ''}"


def face_frame_path(frame: FaceFrame, filename: str) -> str:
    """Where a thumbnail or a heatmap is kept."""
    return f"scans/{frame.face.scan_id}/{filename}"


class Video(models.Model):
    """An uploaded file, once for each owner and content."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.CharField(_("owner"), max_length=64, help_text=_("user:<id> or visitor:<token>"))
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("uploaded by")
    )
    uploaded_at = models.DateTimeField(_("uploaded at"), default=timezone.now, editable=False)
    original_name = models.CharField(_("name"), max_length=255)
    sha256 = models.CharField("SHA-256", max_length=64)
    size = models.PositiveBigIntegerField(_("size in bytes"))
    file = models.FileField(_("file"), upload_to=video_path, max_length=255, blank=True)
    container = models.CharField(_("container"), max_length=64, blank=True)
    codec = models.CharField(_("codec"), max_length=64, blank=True)
    duration_s = models.FloatField(_("duration in seconds"), null=True, blank=True)
    frame_rate = models.FloatField(_("frames a second"), null=True, blank=True)
    width = models.PositiveIntegerField(_("width in pixels"), null=True, blank=True)
    height = models.PositiveIntegerField(_("height in pixels"), null=True, blank=True)

    objects: ClassVar[VideoQuerySet] = VideoQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("video")
        verbose_name_plural = _("videos")
        ordering = ["-uploaded_at"]
        indexes = [
            models.Index(fields=["sha256"]),
            models.Index(fields=["uploaded_at"], name="video_by_age"),
            models.Index(fields=["uploaded_at"], condition=~Q(file=""), name="video_with_media_by_age"),
        ]
        constraints = [models.UniqueConstraint(fields=["owner", "sha256"], name="video_once_per_owner")]

    def __str__(self) -> str:
        return self.original_name

    @property
    def is_gif(self) -> bool:
        """Whether browsers show it as a picture and not in a player."""
        return (self.file.name or "").endswith(".gif")


class Scan(models.Model):
    """One analysis of a video with one detector and one frame count."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Being analysed")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    class Queue(models.TextChoices):
        INTERACTIVE = "interactive", _("somebody waits for it")
        BATCH = "batch", _("one of many")

    ACTIVE = (Status.QUEUED, Status.RUNNING)
    TERMINAL = (Status.DONE, Status.FAILED, Status.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    video = models.ForeignKey(Video, models.CASCADE, related_name="scans", verbose_name=_("video"))
    owner = models.CharField(
        _("owner"), max_length=64, help_text=_("the video's; repeated here for the lists")
    )
    frame_count = models.PositiveSmallIntegerField(_("frames to read"))

    # Which detector
    detector_name = models.CharField(_("detector"), max_length=64)
    detector_version = models.CharField(_("detector version"), max_length=64, blank=True)
    detector_architecture = models.CharField(_("architecture"), max_length=64, blank=True)
    detector_frame_count = models.PositiveSmallIntegerField(
        _("frames the checkpoint was made for"), null=True, blank=True
    )
    detector_sha256 = models.CharField(_("SHA-256 of the checkpoint"), max_length=64, blank=True)

    # Where it stands
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.QUEUED)
    queue = models.CharField(
        _("queue"), max_length=12, choices=Queue, default="interactive", db_default="interactive"
    )
    stage = models.CharField(_("stage"), max_length=16, blank=True)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    worker = models.CharField(_("worker"), max_length=128, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    error_code = models.CharField(_("error"), max_length=64, blank=True)
    error_detail = models.TextField(_("error detail"), blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    # What was found
    verdict = models.CharField(_("verdict"), max_length=16, choices=Verdict.choices, blank=True)
    reason = models.CharField(_("reason"), max_length=32, blank=True)
    evidence = models.CharField(_("evidence"), max_length=16, choices=Evidence.choices, blank=True)
    fake_probability = models.FloatField(
        _("probability of manipulation"), null=True, blank=True, validators=PROBABILITY
    )
    threshold = models.FloatField(null=True, blank=True, validators=PROBABILITY)
    uncertain_low = models.FloatField(null=True, blank=True, validators=PROBABILITY)
    uncertain_high = models.FloatField(null=True, blank=True, validators=PROBABILITY)
    frames_analysed = models.PositiveIntegerField(_("frames analysed"), null=True, blank=True)
    frames_with_faces = models.PositiveIntegerField(_("frames with faces"), null=True, blank=True)
    notes = models.JSONField(_("notes"), default=list, blank=True)
    device = models.CharField(_("device"), max_length=64, blank=True)
    seconds = models.JSONField(_("seconds by stage"), default=dict, blank=True)

    objects: ClassVar[ScanQuerySet] = ScanQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("scan")
        verbose_name_plural = _("scans")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="scan_history"),
            models.Index(fields=["owner", "verdict", "-created_at"], name="scan_history_by_verdict"),
            models.Index(fields=["owner", "status", "-created_at"], name="scan_history_by_status"),
            models.Index(fields=["-created_at"], name="scan_newest"),
            models.Index(fields=["lease_expires_at"], condition=Q(status="running"), name="scan_leases"),
            models.Index(fields=["queue", "created_at"], condition=Q(status="queued"), name="scan_waiting"),
            models.Index(fields=["status", "-finished_at"], name="scan_ended"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["video", "detector_name", "frame_count"],
                condition=Q(status__in=["queued", "running"]),
                name="scan_one_active",
            ),
            models.CheckConstraint(
                condition=_in_unit_interval("fake_probability"), name="scan_probability_in_unit_interval"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["done", "failed", "cancelled"], finished_at__isnull=False)
                | Q(status__in=["queued", "running"], finished_at__isnull=True),
                name="scan_finished_at_exactly_when_terminal",
            ),
            models.CheckConstraint(
                condition=Q(status="done") & ~Q(verdict="") | ~Q(status="done") & Q(verdict=""),
                name="scan_verdict_exactly_when_done",
            ),
            models.CheckConstraint(
                condition=Q(status="running", lease_expires_at__isnull=False)
                | ~Q(status="running") & Q(lease_expires_at__isnull=True),
                name="scan_lease_exactly_when_running",
            ),
            models.CheckConstraint(condition=Q(frame_count__gte=1), name="scan_frame_count_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.video} · {self.frame_count} · {self.get_status_display()}"

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE


class Face(models.Model):
    """One person followed through a scan."""

    scan = models.ForeignKey(Scan, models.CASCADE, related_name="faces", verbose_name=_("scan"))
    number = models.PositiveSmallIntegerField(_("number"))
    verdict = models.CharField(_("verdict"), max_length=16, choices=Verdict.choices)
    reason = models.CharField(_("reason"), max_length=32, blank=True)
    evidence = models.CharField(_("evidence"), max_length=16, choices=Evidence.choices)
    fake_probability = models.FloatField(
        _("probability of manipulation"), null=True, blank=True, validators=PROBABILITY
    )

    class Meta:
        verbose_name = _("face")
        verbose_name_plural = _("faces")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["scan", "number"], name="face_number_once_per_scan"),
            models.CheckConstraint(
                condition=_in_unit_interval("fake_probability"), name="face_probability_in_unit_interval"
            ),
        ]

    def __str__(self) -> str:
        return _("Person %(number)d") % {"number": self.number}


class FaceFrame(models.Model):
    """That person in one frame. The box is in pixels of the upright frame."""

    face = models.ForeignKey(Face, models.CASCADE, related_name="frames", verbose_name=_("face"))
    time_s = models.FloatField(_("time in seconds"), validators=[MinValueValidator(0.0)])
    left = models.IntegerField()
    top = models.IntegerField()
    right = models.IntegerField()
    bottom = models.IntegerField()
    fake_probability = models.FloatField(_("probability of manipulation"), validators=PROBABILITY)
    sharpness = models.FloatField(_("sharpness"))
    brightness = models.FloatField(_("brightness"))
    thumbnail = models.FileField(_("thumbnail"), upload_to=face_frame_path, max_length=255, blank=True)
    heatmap = models.FileField(_("heatmap"), upload_to=face_frame_path, max_length=255, blank=True)

    class Meta:
        verbose_name = _("face in a frame")
        verbose_name_plural = _("faces in frames")
        ordering = ["time_s"]
        indexes = [models.Index(fields=["face", "time_s"], name="face_frame_timeline")]
        constraints = [
            models.CheckConstraint(
                condition=Q(fake_probability__gte=0.0, fake_probability__lte=1.0),
                name="face_frame_probability_in_unit_interval",
            ),
            models.CheckConstraint(
                condition=Q(right__gt=F("left"), bottom__gt=F("top")), name="face_frame_box_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.time_s:.2f} s"


class Review(models.Model):
    """A person's decision on a scan. Append-only: a change of mind is a new row."""

    class Decision(models.TextChoices):
        CONFIRMED_FAKE = "confirmed_fake", _("Confirmed fake")
        CONFIRMED_GENUINE = "confirmed_genuine", _("Confirmed genuine")
        CANNOT_TELL = "cannot_tell", _("Cannot tell")

    scan = models.ForeignKey(Scan, models.CASCADE, related_name="reviews", verbose_name=_("scan"))
    decision = models.CharField(_("decision"), max_length=20, choices=Decision.choices)
    note = models.TextField(_("note"), blank=True)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("reviewer"))
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["scan", "-created_at"], name="review_newest_of_scan")]

    def __str__(self) -> str:
        return self.get_decision_display()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A review is append-only. Record a new one instead.")
        super().save(*args, **kwargs)
