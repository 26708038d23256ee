"""Opinions: what further detectors say of the people of a scan, beside its own finding."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from ml_app.models.probability import PROBABILITY, in_unit_interval
from ml_app.models.scan import Scan
from ml_app.models.verdicts import Evidence, Verdict


class Opinion(models.Model):
    """What one further detector says of the same people.

    `faces` has a record of each person of the scan: `id` (the person's number), `verdict`, `reason`,
    `evidence`, `fake_probability`, and `frames` with `time_s`, `box` (left, top, right, bottom) and
    `fake_probability`: read as a whole and never searched, so no rows of their own.
    """

    scan = models.ForeignKey(Scan, models.CASCADE, related_name="opinions", verbose_name=_("scan"))
    number = models.PositiveSmallIntegerField(_("number"))  # the order in which they were asked
    detector_name = models.CharField(_("detector"), max_length=64)
    detector_version = models.CharField(_("detector version"), max_length=64)
    detector_architecture = models.CharField(_("architecture"), max_length=64)
    detector_frame_count = models.PositiveSmallIntegerField(_("frames the checkpoint was made for"))
    detector_sha256 = models.CharField(_("SHA-256 of the checkpoint"), max_length=64)
    verdict = models.CharField(_("verdict"), max_length=16, choices=Verdict.choices)
    reason = models.CharField(_("reason"), max_length=32, blank=True)
    evidence = models.CharField(_("evidence"), max_length=16, choices=Evidence.choices)
    fake_probability = models.FloatField(
        _("probability of manipulation"), null=True, blank=True, validators=PROBABILITY
    )
    threshold = models.FloatField(null=True, blank=True, validators=PROBABILITY)
    uncertain_low = models.FloatField(null=True, blank=True, validators=PROBABILITY)
    uncertain_high = models.FloatField(null=True, blank=True, validators=PROBABILITY)
    frames_analysed = models.PositiveIntegerField(_("frames analysed"))
    faces = models.JSONField(default=list, blank=True)
    notes = models.JSONField(_("notes"), default=list, blank=True)
    seconds = models.FloatField(_("seconds"), default=0.0)

    class Meta:
        verbose_name = _("opinion")
        verbose_name_plural = _("opinions")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["scan", "number"], name="opinion_number_once_per_scan"),
            models.CheckConstraint(
                condition=in_unit_interval("fake_probability"), name="opinion_probability_in_unit_interval"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.detector_name} {self.detector_version}"
