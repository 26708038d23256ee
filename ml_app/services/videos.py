"""Taking videos in, and deleting them with everything that was found out about them."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from ml_app.detection.errors import VideoError
from ml_app.detection.findings import Limits, VideoInfo
from ml_app.messages import ServiceError
from ml_app.models import Scan, Video, video_path
from ml_app.services.scans import cancel_scan
from ml_app.uploads import IncomingFile, max_upload_bytes, spool

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)


def limits() -> Limits:
    """What a video may cost here."""
    return Limits(max_file_bytes=max_upload_bytes(), max_duration_s=settings.MAX_DURATION_MINUTES * 60.0)


def receive_video(*, upload: UploadedFile, owner: str, user: User | None) -> tuple[Video, bool]:
    """Keep an upload, or find the same bytes among those that the owner already has.

    Returns:
        The video, and whether it is new.

    Raises:
        ServiceError: The file cannot be analysed, with the code and the sentence of the video reader; or
        "too_large" or "disk_full". Nothing is left behind.
    """
    incoming = spool(upload)
    try:
        known = _known(owner, incoming.sha256)
        if known is not None and known.file:
            incoming.close()
            return known, False
        info = _probe(incoming.path)
        video, is_new = _keep(incoming, info, owner, user)
    except BaseException:
        incoming.close()
        raise
    transaction.on_commit(incoming.close)  # locked until the row is there for the sweeper to see
    return video, is_new


def _known(owner: str, sha256: str) -> Video | None:
    return Video.objects.filter(owner=owner, sha256=sha256).first()


def _probe(path: Path) -> VideoInfo:
    from ml_app.detection.video import probe  # noqa: PLC0415 - not when the web process starts

    try:
        return probe(path, limits())
    except VideoError as error:
        logger.info("Upload refused: %s %s", error.code, error.detail)
        raise ServiceError(error.code, error.message) from error


def _keep(incoming: IncomingFile, info: VideoInfo, owner: str, user: User | None) -> tuple[Video, bool]:
    values: dict[str, Any] = {
        "uploaded_by": user,
        "original_name": (incoming.name or "video")[:255],
        "size": incoming.size,
        "container": info.container,
        "codec": info.codec,
        "duration_s": info.duration_s,
        "frame_rate": info.frame_rate or None,
        "width": info.width,
        "height": info.height,
    }
    take_back = None
    try:
        with transaction.atomic():
            # Of two uploads of the same bytes at once, one waits here and then finds the other's row.
            video, is_new = Video.objects.select_for_update().get_or_create(
                owner=owner, sha256=incoming.sha256, defaults=values
            )
            if is_new or not video.file:
                video.file.name = video_path(video, video.original_name)
                video.save(update_fields=["file"])
                take_back = incoming.move_to(Path(default_storage.path(video.file.name)))
    except BaseException:
        if take_back is not None:
            take_back()
        raise
    return video, is_new


def delete_video(*, video: Video) -> None:
    """Delete a video, its scans with everything they found, and all files. Running scans stop soon."""
    for scan in Scan.objects.active().filter(video=video):
        cancel_scan(scan=scan)
    scans = list(Scan.objects.filter(video=video).values_list("pk", flat=True))
    folders = [f"videos/{video.pk}", *(f"scans/{pk}" for pk in scans)]
    with transaction.atomic():
        video.delete()
        # After the commit: a kill in between leaves files without rows, which the sweeper deletes.
        transaction.on_commit(lambda: _remove(folders))


def _remove(folders: list[str]) -> None:
    for folder in folders:
        shutil.rmtree(default_storage.path(folder), ignore_errors=True)
