"""`manage.py enqueue`: give many videos to the workers, as a batch that no visitor waits for."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.core.management.base import BaseCommand, CommandError

from ml_app import services
from ml_app.batches.creating import Order, create_from_file
from ml_app.management import archives
from ml_app.management.detectors import add_detector_arguments
from ml_app.management.files import COMMAND_LINE, videos
from ml_app.management.links import split
from ml_app.models import Scan
from ml_app.services.intake.links import order_link
from ml_app.services.scanning.queueing import QueueState

PAUSE_SECONDS = 2.0


class Command(BaseCommand):
    """Takes files and folders in, and orders a scan of each."""

    help = (
        "Copy videos to the site and order a scan of each, in the batch queue. While that queue is full it "
        "waits. Files that are there already are not kept twice, nor scanned twice with the same detectors "
        "and frame count, so it may be run again after an interruption. Exit status 1 when any was refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "paths",
            nargs="+",
            metavar="PATH",
            help="a video, a folder, a zip file, a link, or a table of links (.csv)",
        )
        parser.add_argument("--frames", type=int, default=settings.DEFAULT_FRAME_COUNT)
        add_detector_arguments(parser)
        parser.add_argument("--owner", default=COMMAND_LINE, help="default: staff alone see them")
        parser.add_argument(
            "--no-wait", action="store_true", help="end with an error when the batch queue is full"
        )

    def handle(self, *args: Any, paths: list[str], frames: int, **options: Any) -> None:
        """One file after the other; each waits for its turn before it is copied."""
        if frames not in settings.FRAME_COUNTS:
            raise CommandError(f"--frames must be one of {', '.join(map(str, settings.FRAME_COUNTS))}.")
        wanted = Order(
            options["owner"],
            None,
            frames,
            detector_name=options["detector"],
            others=tuple(options["also"]),
        )
        try:
            wanted.check()
        except services.ServiceError as error:
            raise CommandError(str(error)) from error
        links, named = split(paths)
        zips, others = archives.split(named)
        files, empty = videos(others)
        for folder in empty:
            self.stderr.write(f"{folder}: no video or picture in this folder")
        ordered = refused = 0
        for file in files:
            self._wait(options["no_wait"])
            try:
                ordered += _order(file, wanted)
            except (services.ServiceError, OSError) as error:
                refused += 1
                self.stderr.write(f"{file}\n  {error}")
        packed = sum(self._enqueue_zip(path, wanted) for path in zips)
        for url in links:
            try:
                order_link(
                    url=url,
                    owner=wanted.owner,
                    user=None,
                    frame_count=frames,
                    detector_name=wanted.detector,
                    others=wanted.others,
                    queue=Scan.Queue.BATCH_LINK,
                )
                ordered += 1
            except services.ServiceError as error:
                refused += 1
                self.stderr.write(f"{url}\n  {error}")
        known = len(files) + len(links) - ordered - refused
        refused += packed
        self.stdout.write(f"{ordered} scans ordered, {known} were there already, {refused} refused.")
        if refused or empty:
            sys.exit(1)

    def _enqueue_zip(self, path: Path, wanted: Order) -> int:
        """Make a batch of it, which the workers unpack. How many were refused: itself, or none."""
        try:
            with path.open("rb") as content:
                batch = create_from_file(order=wanted, upload=UploadedFile(File(content), path.name))
        except (services.ServiceError, OSError) as error:
            self.stderr.write(f"{path}\n  {error}")
            return 1
        self.stdout.write(f"{path}: batch {batch.pk} of {batch.items.count()} files.")
        return 0

    def _wait(self, no_wait: bool) -> None:
        said = False
        while (state := _batch()).is_full:
            if no_wait:
                raise CommandError(f"The batch queue is full: {state.waiting} wait (BATCH_QUEUE_LIMIT).")
            if not said:
                self.stderr.write(f"{state.waiting} wait already; waiting until there is room …")
                said = True
            time.sleep(PAUSE_SECONDS)


def _batch() -> QueueState:
    return services.queue_state(queue=Scan.Queue.BATCH)


def _order(file: Path, wanted: Order) -> bool:
    """True if a scan was ordered, False if there is one of this file already."""
    with file.open("rb") as content:
        upload = UploadedFile(File(content), file.name)
        video, _ = services.receive_video(upload=upload, owner=wanted.owner, user=None)
    same = video.scans.filter(
        detector_name=wanted.detector, also=wanted.also(), frame_count=video.frames_of(wanted.frame_count)
    )
    if same.filter(status=Scan.Status.DONE).exists():
        return False
    return services.request_scan(
        video=video,
        frame_count=wanted.frame_count,
        detector_name=wanted.detector,
        others=wanted.others,
        queue=Scan.Queue.BATCH,
    )[1]
