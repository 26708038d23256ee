"""The files behind a scan, by link: sent as the pages send them, after the check of who asks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from ml_app.api.authentication import scan_for
from ml_app.api.base import ApiView
from ml_app.api.documenting import LOOKING
from ml_app.models import FaceFrame, Scan
from ml_app.services.access import Act
from ml_app.web.sending import send_picture, send_video

FILE = OpenApiResponse(OpenApiTypes.BINARY, "The file, or the range of it that was asked for.")


def _kept(*kinds: str) -> dict[Any, Any]:
    files = {(status, kind): FILE for status in (200, 206) for kind in kinds}
    return {**files, 304: None, 416: None, **LOOKING}


class TheVideo(ApiView):
    """The uploaded file."""

    @extend_schema(
        operation_id="get_video", responses=_kept("video/*", "image/*", "application/octet-stream")
    )
    def get(self, request: Request, scan_id: UUID) -> HttpResponseBase:
        """The video of a scan, while it is kept; in ranges, so that a player can seek."""
        return send_video(request._request, scan_for(request, Act.SEE, scan_id).video)


class Thumbnail(ApiView):
    """The face of a person in one frame."""

    @extend_schema(operation_id="get_thumbnail", responses=_kept("image/jpeg"))
    def get(self, request: Request, scan_id: UUID, frame_id: int) -> HttpResponseBase:
        """A JPEG picture of the face."""
        picture = _frame(scan_for(request, Act.SEE, scan_id), frame_id).thumbnail
        return send_picture(request._request, picture, "image/jpeg")


class Heatmap(ApiView):
    """Where in a face its score comes from."""

    @extend_schema(operation_id="get_heatmap", responses=_kept("image/png"))
    def get(self, request: Request, scan_id: UUID, frame_id: int) -> HttpResponseBase:
        """A PNG picture with transparency, to be laid over the thumbnail; only some frames have one."""
        picture = _frame(scan_for(request, Act.SEE, scan_id), frame_id).heatmap
        return send_picture(request._request, picture, "image/png")


def _frame(scan: Scan, frame_id: int) -> FaceFrame:
    frame = FaceFrame.objects.filter(pk=frame_id, face__scan=scan).first()
    if frame is None:
        raise Http404("no such frame")
    return frame
