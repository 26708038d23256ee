"""Taking videos in, and deleting them with everything that was found out about them."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from ml_app import audit
from ml_app.audit import Action, subject_of
from ml_app.detection.errors import VideoError
from ml_app.detection.findings import Findings, Limits, VideoInfo
from ml_app.detection.hardware import usable_cores
from ml_app.errors import ServiceError, refuse
from ml_app.models import FaceFrame, Scan, Team, Video, video_path
from ml_app.services.scanning.results import may_be, save_findings
from ml_app.services.scanning.scans import cancel_scan
from ml_app.storage import media_files
from ml_app.storage.uploads import IncomingFile, max_upload_bytes, spool

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)
_taking_in = threading.BoundedSemaphore(usable_cores())  # more at once would slow the pages down


def limits() -> Limits:
    """What a video may cost here."""
    return Limits(max_file_bytes=max_upload_bytes(), max_duration_s=settings.MAX_DURATION_MINUTES * 60.0)


def receive_video(
    *, upload: UploadedFile, owner: str, user: User | None, team: Team | None = None
) -> tuple[Video, bool]:
    """Keep an upload, or find the same bytes among those that the owner already has in the same place.

    Args:
        team: To whom it is given; by default it stays the owner's alone.

    Returns:
        The video, and whether it is new.

    Raises:
        ServiceError: The file cannot be analysed, with the code and the sentence of the video reader; or
        "too_large" or "disk_full". Nothing is left behind.
    """
    incoming = spool(upload)
    with _taking_in:
        return _take_in(incoming, Place(owner, user, team), _probe)


@dataclass(frozen=True, slots=True)
class Place:
    """Whose a file is."""

    owner: str
    user: User | None
    team: Team | None = None


def _take_in(incoming: IncomingFile, place: Place, probe: Callable[[Path], VideoInfo]) -> tuple[Video, bool]:
    try:
        known = _known(place, incoming.sha256)
        if known is not None and known.file:
            incoming.close()
            return known, False
        info = probe(incoming.path)
        video, is_new = _keep(incoming, info, place)
    except BaseException:
        incoming.close()
        raise
    transaction.on_commit(incoming.close)  # locked until the row is there for the sweeper to see
    return video, is_new


def _known(place: Place, sha256: str) -> Video | None:
    return Video.objects.filter(owner=place.owner, team=place.team, sha256=sha256).first()


def _probe(path: Path) -> VideoInfo:
    from ml_app.detection.video.opening import probe  # noqa: PLC0415 - not when the web process starts

    try:
        return probe(path, limits())
    except VideoError as error:
        logger.info("Upload refused: %s %s", error.code, error.detail)
        raise ServiceError(error.code, error.message) from error


def _keep(incoming: IncomingFile, info: VideoInfo, place: Place) -> tuple[Video, bool]:
    values: dict[str, Any] = {
        "uploaded_by": place.user,
        "original_name": (incoming.name or "video")[:255],
        "size": incoming.size,
        "kind": info.kind.value,
        "file_says": [list(pair) for pair in info.file_says],
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
                owner=place.owner, team=place.team, sha256=incoming.sha256, defaults=values
            )
            if is_new or not video.file:
                video.file.name = _place_for(video, is_new)
                if not is_new:
                    video.uploaded_at = timezone.now()  # what is kept from now on is young again
                video.save(update_fields=["file", "uploaded_at"])
                take_back = media_files.keep(incoming, video.file.name)
                audit.record(Action.UPLOADED, video, sha256=video.sha256)
    except BaseException:
        if take_back is not None and not may_be(Video.objects.filter(file=video.file.name)):
            take_back()
        raise
    return video, is_new


def _place_for(video: Video, is_new: bool) -> str:
    """Where the file goes. One that was purged comes back under a new name."""
    # A purge that has just been committed may only now delete the old one.
    place = PurePosixPath(video_path(video, video.original_name))
    return str(place if is_new else place.with_stem(f"original-{secrets.token_hex(4)}"))


def save_analysis(
    *,
    path: Path,
    findings: Findings,
    owner: str,
    user: User | None,
    provenance: dict[str, Any] | None = None,
) -> Scan:
    """Keep a file of this machine and what was found out about it, as if it had been uploaded and scanned.

    Raises:
        ServiceError: "too_large" or "disk_full"; "already_running" if the site analyses the same just now.
    """
    with path.open("rb") as file:
        incoming = spool(UploadedFile(File(file), path.name))
    video, _ = _take_in(incoming, Place(owner, user), lambda path: findings.video)
    worker = f"command:{secrets.token_hex(8)}"
    now = timezone.now()
    try:
        with transaction.atomic():
            scan = Scan.objects.create(
                video=video,
                owner=owner,
                frame_count=findings.frames_requested,
                detector_name=findings.detector.name,
                also=",".join(opinion.detector.name for opinion in findings.opinions),
                status=Scan.Status.RUNNING,
                attempts=1,
                worker=worker,
                lease_expires_at=now + timedelta(seconds=settings.LEASE_SECONDS),
                started_at=now - timedelta(seconds=findings.seconds.total),
            )
    except IntegrityError as error:
        raise refuse("already_running") from error
    save_findings(scan=scan, findings=findings, worker=worker, provenance=provenance)
    scan.refresh_from_db()
    return scan


def delete_video(*, video: Video) -> None:
    """Delete a video, its scans with everything they found, and all files. Running scans stop soon."""
    for scan in Scan.objects.active().filter(video=video):
        cancel_scan(scan=scan)
    scans = list(Scan.objects.filter(video=video).values_list("pk", flat=True))
    folders = [f"videos/{video.pk}", *(f"scans/{pk}" for pk in scans)]
    subject = subject_of(video)
    with transaction.atomic():
        video.delete()
        audit.record(Action.DELETED, subject, sha256=video.sha256, scans=[str(pk) for pk in scans])
        # After the commit: a kill in between leaves files without rows, which the sweeper deletes.
        transaction.on_commit(lambda: _remove(folders))


def delete_scan(*, scan: Scan) -> None:
    """Delete one scan with its findings and pictures; the video stays. A running one stops soon."""
    if scan.is_active:
        cancel_scan(scan=scan)
    if scan.video.is_awaited and scan.video.scans.count() == 1:  # nothing would be left but a link
        delete_video(video=scan.video)
        return
    folders, subject = [f"scans/{scan.pk}"], subject_of(scan)
    with transaction.atomic():
        scan.delete()
        audit.record(Action.DELETED, subject, sha256=scan.video.sha256)
        transaction.on_commit(lambda: _remove(folders))


def purge_media(*, video: Video) -> int:
    """Delete a video's file and the pictures of its scans; rows, hashes and findings stay. Refreshes `video`.

    Returns:
        How many files were kept before; 0 if there was nothing to delete.

    Raises:
        ServiceError: "scan_active" if a scan of the video waits or runs.
    """
    with transaction.atomic():
        # The same lock as request_scan takes: no scan begins between the question and the deletion.
        locked = Video.objects.select_for_update().get(pk=video.pk)
        if Scan.objects.active().filter(video=locked).exists():
            raise refuse("scan_active")
        names = [locked.file.name] if locked.file.name else []
        frames = FaceFrame.objects.filter(face__scan__video=locked).exclude(thumbnail="", heatmap="")
        for pictures in frames.values_list("thumbnail", "heatmap"):
            names += [picture for picture in pictures if picture]
        frames.update(thumbnail="", heatmap="")
        Video.objects.filter(pk=locked.pk).update(file="")
        if names:
            audit.record(Action.PURGED, locked, files=len(names))
        transaction.on_commit(
            lambda: media_files.delete(names)
        )  # what a kill leaves here, the sweeper deletes
    video.refresh_from_db(fields=["file"])
    return len(names)


def _remove(folders: list[str]) -> None:
    for folder in folders:
        media_files.delete_folder(folder)
