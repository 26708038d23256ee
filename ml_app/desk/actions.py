"""What reviewers can do with many scans at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ml_app import audit, services
from ml_app.audit import Action, ObjectKind, Subject
from ml_app.desk.export import csv_lines
from ml_app.errors import ServiceError
from ml_app.models import Scan, Video
from ml_app.services import access
from ml_app.services.access import Act
from ml_app.web.views.owners import actor_of

if TYPE_CHECKING:
    ScanBase = admin.ModelAdmin[Scan]
else:
    ScanBase = object


class DeskActions(ScanBase):
    """Scan again, export, purge. Each for those accounts that have the permission for it."""

    actions = ("rerun", "export_csv", "purge")

    def has_rerun_permission(self, request: HttpRequest) -> bool:
        return access.may(actor_of(request), Act.RERUN, None)

    def has_purge_permission(self, request: HttpRequest) -> bool:
        return access.may(actor_of(request), Act.PURGE, None)

    @admin.action(description=_("Scan again"), permissions=["rerun"])
    def rerun(self, request: HttpRequest, queryset: QuerySet[Scan]) -> None:
        """Order another scan of each: its frame count, the detector now in use, the same asked as well."""
        ordered = 0
        for scan in queryset:
            try:
                services.refuse_if_full(queue=Scan.Queue.BATCH)
                _scan, is_new = services.request_scan(
                    video=scan.video, frame_count=scan.frame_count, others=scan.others, queue=Scan.Queue.BATCH
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
        audit.record(Action.EXPORTED, Subject(ObjectKind.SCANS), format="csv", scans=queryset.count())
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
