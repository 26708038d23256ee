"""`manage.py reproduce`: run a report's scan again on the same file, and compare."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ml_app.detection import summary
from ml_app.detection.checkpoints.manifest import head_by_sha256, sha256_of
from ml_app.detection.errors import DetectionError
from ml_app.detection.findings import Findings, Reason
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.loading import LoadingDetector
from ml_app.reports import sealing
from ml_app.reports.document import examine

TOLERANCE = 1e-6  # of a probability on one machine; between machines 1e-3
COMPARED = ("verdict", "reason", "fake_probability", "frames_analysed", "frames_with_faces")
BY_A_FILE = (
    "That faces look drawn is told by a file beside the heads (drawn.safetensors), which the hash of the "
    "checkpoint does not cover. When the report was made, there may have been another, or none."
)
OF_A_FRAME = ("time_s", "box", "fake_probability")


class Command(BaseCommand):
    """Repeats a scan."""

    help = (
        "Analyse a file again as a report says that it was analysed: the same checkpoint, the same number of "
        "frames. Exit status 0 if the same was found, 1 with what differs."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("report", type=Path, metavar="REPORT")
        parser.add_argument("--video", type=Path, required=True, metavar="FILE", help="what was analysed")
        parser.add_argument(
            "--tolerance",
            type=float,
            default=TOLERANCE,
            help="by how much probabilities may differ; 1e-3 between machines (default: %(default)s)",
        )

    def handle(self, *args: Any, report: Path, video: Path, tolerance: float, **options: Any) -> None:
        """One report."""
        try:
            checked = examine(report.read_bytes())
            sha256 = sha256_of(video)
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}") from error
        except sealing.NoReport as error:
            raise CommandError(f"{report}: {error}") from error
        if not checked.is_unchanged:
            raise CommandError(f"{report} was changed after it was signed; there is nothing to reproduce.")
        if checked.is_batch:
            raise CommandError(f"{report} is about a batch. Take the report of one of its scans.")
        if sha256 != checked.report["file"]["sha256"]:
            raise CommandError(f"{video} is not the file of the report: its SHA-256 is {sha256}.")
        scan = checked.report["scan"]
        found = self._analyse(video, scan)
        again = json.loads(json.dumps(summary.to_json(str(video), sha256, found)))
        differences = list(differing(checked.report["findings"], again, tolerance))
        for line in differences:
            self.stdout.write(line)
        if differences and told_drawn(checked.report["findings"], found):
            self.stdout.write(BY_A_FILE)
        if differences:
            sys.exit(1)
        self.stdout.write("equal")

    def _analyse(self, video: Path, scan: dict[str, Any]) -> Findings:
        wanted = scan["checkpoint_sha256"]
        installed = head_by_sha256(Path(settings.MODELS_DIR), wanted)
        if installed is None:
            raise CommandError(
                f"The checkpoint {wanted} ({scan['detector']} {scan['detector_version']}) is not installed "
                "here. Its files are in the version of this software that the report was made with."
            )
        name, frame_count, _ = installed
        try:
            detector = LoadingDetector(settings.MODELS_DIR, name, frame_count, settings.DEVICE)
            return analyse(video, detector, frames=scan["frames"], found_by=settings.FACE_FINDER)
        except DetectionError as error:
            raise CommandError(error.message) from error


def told_drawn(then: dict[str, Any], now: Findings) -> bool:
    """Whether anybody of two findings was refused as drawn; a report tells that of the whole file alone."""
    return then["reason"] == Reason.DRAWN_FACE or any(face.reason is Reason.DRAWN_FACE for face in now.faces)


def differing(then: dict[str, Any], now: dict[str, Any], tolerance: float) -> Iterator[str]:
    """A line for everything in which two findings differ."""
    yield from _compared("", COMPARED, then, now, tolerance)
    if len(then["faces"]) != len(now["faces"]):
        yield f"persons: {len(then['faces'])} then, {len(now['faces'])} now"
        return
    for first, second in zip(then["faces"], now["faces"], strict=True):
        name = f"person {first['id']}: "
        yield from _compared(name, ("fake_probability",), first, second, tolerance)
        if len(first["frames"]) != len(second["frames"]):
            yield f"{name}{len(first['frames'])} frames then, {len(second['frames'])} now"
            continue
        for one, other in zip(first["frames"], second["frames"], strict=True):
            yield from _compared(f"{name}{one['time_s']} s, ", OF_A_FRAME, one, other, tolerance)


def _compared(
    where: str, keys: tuple[str, ...], then: dict[str, Any], now: dict[str, Any], tolerance: float
) -> Iterator[str]:
    for key in keys:
        first, second = then[key], now[key]
        if isinstance(first, float) and isinstance(second, float):
            if abs(first - second) > tolerance:
                yield f"{where}{key}: {first} then, {second} now"
        elif first != second:
            yield f"{where}{key}: {first} then, {second} now"
