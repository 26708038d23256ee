"""Scans: order, list, look, cancel, delete, order again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ml_app import services
from ml_app.api.authentication import actor_of, scan_for
from ml_app.api.base import ApiView, UploadView, json_object
from ml_app.api.documenting import LOOKING, ORDERING, Deleting, LinkShape, UploadShape, WishesShape
from ml_app.api.idempotency import Answer, once
from ml_app.api.listing import ScanFilter, ScanPages, chosen_scans
from ml_app.api.ordering import Wishes, order, read_order, read_wishes
from ml_app.api.problems import Refused
from ml_app.api.shapes import BriefScan, WholeScan
from ml_app.models import Scan
from ml_app.services import access
from ml_app.services.access import Act
from ml_app.services.scanning.pace import refuse_if_too_many
from ml_app.web.listings import with_extras


class Scans(UploadView):
    """All of one's scans."""

    @extend_schema(
        operation_id="list_scans",
        parameters=[ScanFilter, *ScanPages.parameters],
        responses={200: ScanPages.shape(BriefScan), **LOOKING},
    )
    def get(self, request: Request) -> Response:
        """One's own scans, newest first; those asked for."""
        pages = ScanPages()
        rows = pages.paginate_queryset(with_extras(chosen_scans(request)), request, view=self)
        return pages.get_paginated_response(BriefScan(rows, many=True, context={"request": request}).data)

    @extend_schema(
        operation_id="order_scan",
        request={"multipart/form-data": UploadShape, "application/json": LinkShape},
        responses={202: WholeScan, **ORDERING},
    )
    def post(self, request: Request) -> HttpResponse:
        """Send a video, or a link to one, and order its scan."""
        upload = read_order(request, "file")

        def do() -> Answer:
            return accepted(request, order(upload))

        return once(request, do, owner=upload.actor.owner, content=upload.content)


class OneScan(ApiView):
    """One scan."""

    @extend_schema(operation_id="get_scan", responses={200: WholeScan, **LOOKING})
    def get(self, request: Request, scan_id: UUID) -> Response:
        """How far a scan has come, or what it found, or why it failed."""
        return Response(whole(request, scan_for(request, Act.SEE, scan_id)))

    @extend_schema(operation_id="delete_scan", parameters=[Deleting], responses={204: None, **LOOKING})
    def delete(self, request: Request, scan_id: UUID) -> Response:
        """Delete a scan with its pictures; with `video=true` also the file, and with it all its scans."""
        asked = Deleting(data=request.query_params)
        asked.is_valid(raise_exception=True)
        scan = scan_for(request, Act.DELETE, scan_id)
        if asked.validated_data["video"]:
            services.delete_video(video=scan.video)
        else:
            services.delete_scan(scan=scan)
        return Response(status=204)


class Cancel(ApiView):
    """Stopping a scan."""

    @extend_schema(operation_id="cancel_scan", request=None, responses={200: WholeScan, **ORDERING})
    def post(self, request: Request, scan_id: UUID) -> HttpResponse:
        """Stop a scan: at once if it waits, soon if it runs. One that has ended stays as it is."""

        def do() -> Answer:
            scan = scan_for(request, Act.CANCEL, scan_id)
            services.cancel_scan(scan=scan)
            return Answer(whole(request, scan))

        return once(request, do)


class Rerun(ApiView):
    """Ordering another scan of the same video."""

    @extend_schema(operation_id="rerun_scan", request=WishesShape, responses={202: WholeScan, **ORDERING})
    def post(self, request: Request, scan_id: UUID) -> HttpResponse:
        """Analyse the same video again, by default with the same detectors and number of frames."""
        data = dict(json_object(request))

        def do() -> Answer:
            before = scan_for(request, Act.RERUN, scan_id)
            # A picture's one frame is none of the offered numbers, and a number may be offered no longer.
            usual = before.frame_count if before.frame_count in settings.FRAME_COUNTS else None
            usual = usual or settings.DEFAULT_FRAME_COUNT
            if data.get("team"):
                raise Refused("team_stays", _("A scan stays in the team that its video was given to."))
            usual_wishes = Wishes(usual, before.detector_name, others=tuple(before.others))
            wishes = read_wishes(data, actor=actor_of(request), default=usual_wishes)
            owner = access.owner_of_rerun(actor_of(request), before.video)
            services.refuse_if_full(queue=services.queue_for(owner=owner))
            refuse_if_too_many(owner=owner)
            scan, _new = services.request_scan(
                video=before.video,
                frame_count=wishes.frame_count,
                detector_name=wishes.detector,
                owner=owner,
                others=wishes.others,
            )
            return accepted(request, scan)

        return once(request, do, content=data)


def accepted(request: Request, scan: Scan) -> Answer:
    """A scan was ordered, and is to be looked for at its own address."""
    return Answer(whole(request, scan), 202, reverse("api:scan", args=[scan.pk]))


def whole(request: Request, scan: Scan) -> dict[str, Any]:
    """A scan as JSON, with its findings."""
    # Again from the database: with the decision beside it, and with what a worker may have done meanwhile.
    rows = access.visible_scans(actor_of(request)).filter(pk=scan.pk)
    row = with_extras(rows).first() or scan
    return dict(WholeScan(row, context={"request": request}).data)
