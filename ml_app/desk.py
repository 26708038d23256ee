"""What reviewers can do with many scans at once, and how they find them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ml_app import services
from ml_app.detection.checkpoints.manifest import available
from ml_app.errors import ServiceError
from ml_app.export import csv_lines
from ml_app.models import Review, Scan, Video

if TYPE_CHECKING:
    ScanBase = admin.ModelAdmin[Scan]
else:
    ScanBase = object


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


class DeskActions(ScanBase):
    """Scan again, export, purge. Each for those accounts that have the permission for it."""

    actions = ("rerun", "export_csv", "purge")

    def has_rerun_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ml_app.add_scan")

    def has_purge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ml_app.delete_video")

    @admin.action(description=_("Scan again"), permissions=["rerun"])
    def rerun(self, request: HttpRequest, queryset: QuerySet[Scan]) -> None:
        """Order another scan of each with its frame count and the detector now in use."""
        ordered = 0
        for scan in queryset:
            try:
                services.refuse_if_full(queue=Scan.Queue.BATCH)
                _scan, is_new = services.request_scan(
                    video=scan.video, frame_count=scan.frame_count, queue=Scan.Queue.BATCH
                )
                ordered += is_new
            except ServiceError as error:
                messages.error(request, f"{scan.video}: {error}")
        if ordered:
            text = ngettext("%(number)d scan was ordered.", "%(number)d scans were ordered.", ordered)
            messages.success(request, text % {"number": ordered})

    @admin.action(description=_("Export as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Scan]) -> StreamingHttpResponse:
        """One line for each scan."""
        name = f"scans-{timezone.now():%Y%m%d-%H%M%S}.csv"
        return StreamingHttpResponse(
            csv_lines(queryset.iterator(chunk_size=500)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @admin.action(description=_("Purge media (keeps findings and hashes)"), permissions=["purge"])
    def purge(self, request: HttpRequest, queryset: QuerySet[Scan]) -> HttpResponseBase | None:
        """Ask, then delete the files of these scans' videos."""
        videos = Video.objects.filter(scans__in=queryset.order_by().values("pk")).distinct()
        if "confirmed" not in request.POST:
            return self._ask(request, queryset, videos)
        purged = 0
        for video in videos:
            try:
                purged += bool(services.purge_media(video=video))
            except ServiceError as error:
                messages.error(request, f"{video}: {error}")
        text = ngettext(
            "The media of %(number)d video were purged.",
            "The media of %(number)d videos were purged.",
            purged,
        )
        messages.success(request, text % {"number": purged})
        return None

    def _ask(self, request: HttpRequest, scans: QuerySet[Scan], videos: QuerySet[Video]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Purge media?"),
            "opts": self.model._meta,
            "videos": videos,
            "chosen": [scan.pk for scan in scans],
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return render(request, "admin/ml_app/scan/purge.html", context)
