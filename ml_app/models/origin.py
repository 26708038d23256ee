"""Origins: where the file of a video was fetched from, as often as somebody gave a link to it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ml_app.models.video import Video


class Origin(models.Model):
    """A link, and what its host said of the file when it was fetched."""

    video = models.ForeignKey(Video, models.CASCADE, related_name="origins", verbose_name=_("video"))
    url = models.CharField(_("link"), max_length=2000)  # as it was given
    found_url = models.CharField(max_length=2000, blank=True)  # where redirects led
    title = models.CharField(_("title"), max_length=300, blank=True)
    uploader = models.CharField(_("uploader"), max_length=300, blank=True)
    ordered_at = models.DateTimeField(default=timezone.now, editable=False)
    fetched_at = models.DateTimeField(_("fetched at"), null=True, blank=True)  # null: not yet

    class Meta:
        verbose_name = _("origin")
        verbose_name_plural = _("origins")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.url
