"""Videos: the uploaded files, pictures among them, and which of them may be seen or forgotten."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import PurePosixPath
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ml_app.models.states import Status
from ml_app.models.team import Team

EXAMPLE = "example"  # the owner of the clip that everybody may look at: see services/intake/example.py


def video_path(video: Video, filename: str) -> str:
    """Where an upload is kept: nothing of its name but a harmless suffix is used."""
    suffix = PurePosixPath(filename).suffix.lower()[:8]
    return f"videos/{video.pk}/original{suffix if suffix[1:].isalnum() else ''}"


class VideoQuerySet(models.QuerySet["Video"]):
    """Videos."""

    def idle_since(self, moment: datetime) -> VideoQuerySet:
        """People's that were uploaded before, and of which no scan waits or runs now, the oldest first."""
        found = self.filter(uploaded_at__lt=moment).exclude(owner=EXAMPLE)
        found = found.exclude(scans__status__in=[Status.QUEUED, Status.RUNNING])
        return found.order_by("uploaded_at")

    def with_media_before(self, moment: datetime) -> VideoQuerySet:
        """Of those, the ones whose files are still kept."""
        return self.idle_since(moment).exclude(file="")

    def forgotten_since(self, moment: datetime) -> VideoQuerySet:
        """Of those, the ones with which nothing was done since, and that nobody has reviewed."""
        found = self.idle_since(moment).exclude(scans__created_at__gte=moment)
        return found.exclude(scans__reviews__isnull=False)


class Video(models.Model):
    """An uploaded file, a video or a picture, once for each content, owner and team that it was given to."""

    class Kind(models.TextChoices):
        """As `detection.findings.Kind`."""

        VIDEO = "video", _("Video")
        PICTURE = "picture", _("Picture")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.CharField(_("owner"), max_length=64, help_text=_("user:<id> or visitor:<token>"))
    team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, related_name="videos", verbose_name=_("team")
    )
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("uploaded by")
    )
    uploaded_at = models.DateTimeField(_("uploaded at"), default=timezone.now, editable=False)
    original_name = models.CharField(_("name"), max_length=255)
    # Empty as long as the file of a link has not been fetched; there is no file, size and length then either.
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    size = models.PositiveBigIntegerField(_("size in bytes"))
    file = models.FileField(_("file"), upload_to=video_path, max_length=255, blank=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default="video", db_default="video")
    file_says = models.JSONField(_("what the file says of itself"), default=list, blank=True)
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
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "sha256"],
                condition=Q(team__isnull=True) & ~Q(sha256=""),
                name="video_once_per_owner",
            ),
            models.UniqueConstraint(
                fields=["owner", "team", "sha256"],
                condition=Q(team__isnull=False) & ~Q(sha256=""),
                name="video_once_per_owner_and_team",
            ),
        ]

    def __str__(self) -> str:
        return self.original_name

    @property
    def is_awaited(self) -> bool:
        """Whether it is a link so far, whose file was not fetched yet, or could not be."""
        return not self.sha256

    @property
    def is_picture(self) -> bool:
        """Whether it does not move."""
        return self.kind == self.Kind.PICTURE

    def frames_of(self, wanted: int) -> int:
        """How many frames a scan looks at that was asked for so many: of a picture there is one."""
        return 1 if self.is_picture else wanted

    @property
    def is_animation(self) -> bool:
        """Whether browsers show it as a picture and not in a player."""
        return not self.is_picture and (self.file.name or "").endswith((".gif", ".png", ".apng", ".webp"))
