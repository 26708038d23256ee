"""Media: each file goes through a view that checks who asks."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from ml_app import audit
from ml_app.models import FaceFrame
from ml_app.web.sending import send_picture, send_video
from ml_app.web.views.owners import scan_or_404


@require_safe
def video(request: HttpRequest, scan_id: UUID) -> HttpResponseBase:
    """The video of a scan, in ranges so that a player can seek."""
    scan = scan_or_404(request, scan_id)
    audit.seen(scan)
    return send_video(request, scan.video)


@require_safe
def thumbnail(request: HttpRequest, scan_id: UUID, frame_id: int) -> HttpResponseBase:
    """The face of a person in one frame."""
    return send_picture(request, _frame_or_404(request, scan_id, frame_id).thumbnail, "image/jpeg")


@require_safe
def heatmap(request: HttpRequest, scan_id: UUID, frame_id: int) -> HttpResponseBase:
    """Where in that face the score comes from, to be laid over it."""
    return send_picture(request, _frame_or_404(request, scan_id, frame_id).heatmap, "image/png")


def _frame_or_404(request: HttpRequest, scan_id: UUID, frame_id: int) -> FaceFrame:
    scan = scan_or_404(request, scan_id)
    frame = FaceFrame.objects.filter(pk=frame_id, face__scan=scan).first()
    if frame is None:
        raise Http404("no such frame")
    return frame
