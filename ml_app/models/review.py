"""Reviews: what people decided about a scan."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ml_app.models.scan import Scan


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
