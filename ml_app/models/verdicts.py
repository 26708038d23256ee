"""What a finding may say. `models` gives these on to everybody else."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Verdict(models.TextChoices):
    """Mirrors `detection.findings.Verdict`."""

    REAL = "real", _("No evidence of manipulation")
    FAKE = "fake", _("Evidence of manipulation")
    UNCERTAIN = "uncertain", _("Uncertain")
    NOT_ANALYSABLE = "not_analysable", _("Not analysable")


class Evidence(models.TextChoices):
    """Mirrors `detection.findings.Evidence`."""

    NONE = "none", _("no evidence")
    WEAK = "weak", _("weak evidence")
    MODERATE = "moderate", _("moderate evidence")
    STRONG = "strong", _("strong evidence")
    VERY_STRONG = "very_strong", _("very strong evidence")
