"""Media: each file goes through a view that checks who asks. An upload's own type is not believed."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, quote_etag
from django.views.decorators.http import require_safe

from ml_app.models import FaceFrame
from ml_app.storage import media_files
from ml_app.web.views.owners import scan_or_404
from ml_app.web.views.ranges import Slice, UnsatisfiableError, parse_range

VIDEO_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo",
    ".3gp": "video/3gpp",
    ".wmv": "video/x-ms-wmv",
    ".flv": "video/x-flv",
    ".ts": "video/mp2t",
    ".gif": "image/gif",
    ".png": "image/png",
    ".apng": "image/apng",
    ".webp": "image/webp",
}
UNKNOWN = "application/octet-stream"
# A browser that opens a video by itself plays it in a page of its own, which this policy governs too.
POLICY = "default-src 'none'; media-src 'self'; img-src 'self'; frame-ancestors 'none'"


@require_safe
def video(request: HttpRequest, scan_id: UUID) -> HttpResponseBase:
    """The video of a scan, in ranges so that a player can seek."""
    row = scan_or_404(request, scan_id).video
    suffix = PurePosixPath(row.file.name or "").suffix.lower()
    kind = VIDEO_TYPES.get(suffix, UNKNOWN)
    return _serve(request, row.file, kind, etag=row.sha256, name=row.original_name)


@require_safe
def thumbnail(request: HttpRequest, scan_id: UUID, frame_id: int) -> HttpResponseBase:
    """The face of a person in one frame."""
    frame = _frame_or_404(request, scan_id, frame_id)
    return _serve(request, frame.thumbnail, "image/jpeg", etag=_digest(frame.thumbnail))


@require_safe
def heatmap(request: HttpRequest, scan_id: UUID, frame_id: int) -> HttpResponseBase:
    """Where in that face the score comes from, to be laid over it."""
    frame = _frame_or_404(request, scan_id, frame_id)
    return _serve(request, frame.heatmap, "image/png", etag=_digest(frame.heatmap))


def _frame_or_404(request: HttpRequest, scan_id: UUID, frame_id: int) -> FaceFrame:
    scan = scan_or_404(request, scan_id)
    frame = FaceFrame.objects.filter(pk=frame_id, face__scan=scan).first()
    if frame is None:
        raise Http404("no such frame")
    return frame


def _digest(file: FieldFile) -> str:
    # The folder of a picture is new for every attempt and nothing in it is ever written twice.
    return hashlib.sha256((file.name or "").encode()).hexdigest()[:32]


def _serve(
    request: HttpRequest, file: FieldFile, content_type: str, *, etag: str, name: str = ""
) -> HttpResponseBase:
    size = media_files.size_of(file.name) if file.name else None
    if size is None:
        raise Http404("the file is no longer kept")
    etag = quote_etag(etag)
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        response: HttpResponseBase = unchanged
    elif settings.MEDIA_ACCEL_PREFIX:
        response = HttpResponse(content_type=content_type)
        response["X-Accel-Redirect"] = settings.MEDIA_ACCEL_PREFIX + quote(str(file.name))
    else:
        response = _in_ranges(request, str(file.name), size, content_type, etag)
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"  # kept by the browser, but asked for each time
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = POLICY
    disposition = content_disposition_header(content_type == UNKNOWN, name)
    response["Content-Disposition"] = disposition or "inline"
    return response


def _in_ranges(request: HttpRequest, name: str, size: int, content_type: str, etag: str) -> HttpResponseBase:
    wanted = request.headers.get("Range", "")
    if request.headers.get("If-Range", etag) != etag or request.method == "HEAD":
        wanted = ""
    try:
        part = parse_range(wanted, size)
    except UnsatisfiableError:
        return HttpResponse(
            status=416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}
        )
    first, last = part or (0, size - 1)
    # From a bucket it comes through this process too: a page's policy allows pictures of this site alone, and
    # an address that opens the bucket to whoever has it would be no check of who asks.
    content = Slice(media_files.open_at(name, first, last), last - first + 1)
    response = FileResponse(content, content_type=content_type)
    response["Content-Length"] = str(last - first + 1)
    response["Accept-Ranges"] = "bytes"
    if part:
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response
