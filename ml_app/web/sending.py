"""How kept files are sent, to pages and to programs. An upload's own type is not believed."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from urllib.parse import quote

from django.conf import settings
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, quote_etag

from ml_app.models import Video
from ml_app.storage import media_files
from ml_app.web.ranges import Slice, UnsatisfiableError, parse_range

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
# By what the reader found, for pictures are small enough to be looked into whatever their name is.
PICTURE_TYPES = {
    "jpeg": "image/jpeg",
    "mpo": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "heif": "image/heic",
    "tiff": "image/tiff",
}
SHOWN_BY_BROWSERS = ("jpeg", "mpo", "png", "webp", "avif")
UNKNOWN = "application/octet-stream"
# A browser that opens a video by itself plays it in a page of its own, which this policy governs too.
POLICY = "default-src 'none'; media-src 'self'; img-src 'self'; frame-ancestors 'none'"


def send_video(request: HttpRequest, video: Video) -> HttpResponseBase:
    """The file of a video or picture."""
    suffix = PurePosixPath(video.file.name or "").suffix.lower()
    kind = VIDEO_TYPES.get(suffix, UNKNOWN)
    if video.is_picture:
        kind = PICTURE_TYPES.get(video.container, UNKNOWN)
    return send(request, video.file, kind, etag=video.sha256, name=video.original_name)


def send_picture(request: HttpRequest, file: FieldFile, kind: str) -> HttpResponseBase:
    """A thumbnail or a heatmap."""
    return send(request, file, kind, etag=_digest(file))


def _digest(file: FieldFile) -> str:
    # The folder of a picture is new for every attempt and nothing in it is ever written twice.
    return hashlib.sha256((file.name or "").encode()).hexdigest()[:32]


def send(
    request: HttpRequest, file: FieldFile, content_type: str, *, etag: str, name: str = ""
) -> HttpResponseBase:
    """A kept file, or the range of it that is asked for. Whoever calls has checked who asks.

    Raises:
        Http404: It is kept no longer.
    """
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
