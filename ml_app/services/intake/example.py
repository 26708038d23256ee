"""The example: a clip that everybody may look at before they upload anything, and this site's finding on it.

A program drew the two people in it (tests/project/drawn), so that nobody is shown who could mind. It goes
the way of every upload, through the queue and a worker, but belongs to nobody: it is in no list, no figure
and no review, it is not forgotten with time, and nobody may do anything to it (`services.access`). It is made
when it is first asked for, so that no start is slower for it, and anew when detector or clip have changed.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from ml_app.errors import refuse
from ml_app.models import EXAMPLE, Scan, Video
from ml_app.services.detectors import DetectorState, detector_state
from ml_app.services.intake.videos import delete_scan, delete_video, receive_video
from ml_app.services.scanning.scans import request_scan

CLIP = Path(__file__).with_name("example.mp4")
NAME = "example-drawn-by-a-program.mp4"  # is in its reports as well, so it says what it is
TRY_AGAIN = timedelta(minutes=10)  # after a scan of it that failed


def example_scan() -> Scan:
    """The scan of the example by the detector in use: finished, on its way, or ordered by this call.

    Raises:
        ServiceError: "detector_unavailable", "disk_full" or another reason why no video can be taken in.
    """
    state = detector_state()
    if not state.available:
        raise refuse("detector_unavailable")
    scans = Scan.objects.filter(owner=EXAMPLE, video__sha256=clip_sha256(), detector_name=state.name)
    known = scans.order_by("-created_at").select_related("video").first()
    return known if known is not None and _serves(known, state) else _order()


@cache
def clip_sha256() -> str:
    """Of the clip that ships."""
    return hashlib.sha256(CLIP.read_bytes()).hexdigest()


def _serves(scan: Scan, state: DetectorState) -> bool:
    """Whether it need not be made anew."""
    if scan.status == Scan.Status.DONE:
        return scan.detector_version == state.version and bool(scan.video.file)
    return scan.is_active or scan.created_at > timezone.now() - TRY_AGAIN


def _order() -> Scan:
    with CLIP.open("rb") as file:
        video, _ = receive_video(upload=UploadedFile(File(file), NAME), owner=EXAMPLE, user=None)
    # Somebody looks at a page that fills itself; it is one, and small.
    scan, _ = request_scan(
        video=video, frame_count=settings.DEFAULT_FRAME_COUNT, queue=Scan.Queue.INTERACTIVE
    )
    for old in Scan.objects.filter(video=video, status__in=Scan.TERMINAL).exclude(pk=scan.pk):
        delete_scan(scan=old)
    for former in Video.objects.filter(owner=EXAMPLE).exclude(pk=video.pk):
        delete_video(video=former)
    return scan
