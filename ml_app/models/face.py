"""Faces: the persons who were followed through a scan, each in the frames that show it."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ml_app.models.probability import PROBABILITY, in_unit_interval
from ml_app.models.scan import Scan
from ml_app.models.verdicts import Evidence, Verdict


def face_frame_path(frame: FaceFrame, filename: str) -> str:
    """Where a thumbnail or a heatmap is kept."""
    return f"scans/{frame.face.scan_id}/{filename}"


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
                condition=in_unit_interval("fake_probability"), name="face_probability_in_unit_interval"
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
