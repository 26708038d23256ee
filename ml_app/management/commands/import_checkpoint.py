"""`manage.py import_checkpoint`: make a detector of a published .pt file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ml_app.detection.errors import CheckpointError


class Command(BaseCommand):
    """Checks a published checkpoint, converts it and says how to use it."""

    help = (
        "Convert a published checkpoint, such as model_93_acc_100_frames_final_data.pt, into a detector of "
        "this site, which reproduces the published pre-processing and output. Nothing in the file is run."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, help="the .pt file")
        parser.add_argument("--name", required=True, help="name of the new detector, such as published-100")
        parser.add_argument(
            "--frames", type=int, help="frames the file was made for; by default read from its name"
        )

    def handle(self, *args: Any, file: Path, name: str, frames: int | None, **options: Any) -> None:
        """Import one file."""
        from ml_app.detection.importing import import_published  # noqa: PLC0415 - imports torch

        if frames is not None and frames < 1:
            raise CommandError("--frames must be 1 or more.")
        try:
            folder = import_published(file, settings.MODELS_DIR, name, frames)
        except CheckpointError as error:
            raise CommandError(error.message) from error
        (count,) = folder.heads
        self.stdout.write(self.style.SUCCESS(f"Installed the detector {name!r} for {count} frames."))
        self.stdout.write(
            f"It reads the first {count} frames of a video, as the published code does, one face in each,\n"
            "and its verdict rests on the last of them: the published LSTM never sees time. Its scores\n"
            f"are not calibrated. Use it: python manage.py analyze VIDEO --detector {name}"
        )
