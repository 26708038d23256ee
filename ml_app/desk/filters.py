"""How reviewers find scans: the filters of the list, and what its search understands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ml_app.detection.checkpoints.manifest import available
from ml_app.models import Review, Scan, Video


class ReviewedFilter(admin.SimpleListFilter):
    """By the latest decision of a reviewer."""

    title = _("review")
    parameter_name = "reviewed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("Not reviewed")), ("yes", _("Reviewed")), *Review.Decision.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Scan]) -> QuerySet[Scan]:
        # Asked from the reviews, which are few, and not of each scan for itself.
        value, reviews = self.value(), Review.objects.filter(scan=OuterRef("pk"))
        if value == "no":
            return queryset.filter(~Exists(reviews))
        if value == "yes":
            return queryset.filter(Exists(reviews))
        if value in Review.Decision.values:
            return queryset.filter(Exists(reviews.filter(decision=value)), decision=value)  # type: ignore[misc]
        return queryset


def search_by_number(queryset: QuerySet[Scan], term: str) -> tuple[QuerySet[Scan], bool] | None:
    """The scan with this number, as an admin's search answers; None if the term is no such number."""
    try:
        return queryset.filter(pk=UUID(term.strip())), False
    except ValueError:
        return None


AT_MOST = 1000  # files of one hash's beginning: the same bytes of so many owners
_DIGEST = re.compile(r"[0-9a-fA-F]{12,64}")


def search_by_digest(queryset: QuerySet[Scan], term: str) -> tuple[QuerySet[Scan], bool] | None:
    """The scans whose file or checkpoint has a SHA-256 that begins so; None if the term is no such thing.

    Names are not looked at then: an index answers for the beginning of a hash and another for any part of a
    name, but for both at once the database would read every row.
    """
    word = term.strip().lower()
    if not _DIGEST.fullmatch(word):
        return None
    files = list(Video.objects.filter(sha256__startswith=word).values_list("pk", flat=True)[:AT_MOST])
    return queryset.filter(Q(video__in=files) | Q(detector_sha256__startswith=word)), False


class FrameCountFilter(admin.SimpleListFilter):
    """By the ordered number of frames; the choices are the offered ones, so that no row is read for them."""

    title = _("frames to read")
    parameter_name = "frame_count"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(str(count), str(count)) for count in settings.FRAME_COUNTS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Scan]) -> QuerySet[Scan]:
        value = self.value() or ""
        return queryset.filter(frame_count=int(value)) if value.isdecimal() else queryset


class DetectorFilter(admin.SimpleListFilter):
    """By the detector, of those that are installed."""

    title = _("detector")
    parameter_name = "detector_name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        names = [folder.name for folder in available(Path(settings.MODELS_DIR))]
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Scan]) -> QuerySet[Scan]:
        return queryset.filter(detector_name=self.value()) if self.value() else queryset
