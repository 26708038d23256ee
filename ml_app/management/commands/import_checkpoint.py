"""`manage.py import_checkpoint`: make a detector of a published .pt or .h5 file."""

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
        "Convert a published checkpoint into a detector of this site, which reproduces the published "
        "pre-processing and output: a ResNeXt-50 and LSTM such as model_93_acc_100_frames_final_data.pt, or "
        "a Keras network over 68 landmarks (.h5) with its min_val.npy and max_val.npy. Nothing in a file is "
        "run."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, help="the .pt or .h5 file")
        parser.add_argument("--name", required=True, help="name of the new detector, such as published-100")
        parser.add_argument(
            "--frames", type=int, help="frames the file was made for; by default as it or its name tells"
        )
        of_keras = parser.add_argument_group("of .h5 files")
        of_keras.add_argument(
            "--min-values", type=Path, metavar="NPY", help="by default min_val.npy beside it"
        )
        of_keras.add_argument(
            "--max-values", type=Path, metavar="NPY", help="by default max_val.npy beside it"
        )
        of_keras.add_argument(
            "--classes",
            choices=("real,fake", "fake,real"),
            help="what the outputs 0 and 1 stand for; real,fake",
        )

    def handle(self, *args: Any, file: Path, name: str, frames: int | None, **options: Any) -> None:
        """Import one file."""
        from ml_app.detection.importing.hdf5 import is_keras  # noqa: PLC0415 - where it is needed

        if frames is not None and frames < 1:
            raise CommandError("--frames must be 1 or more.")
        of_keras = {key: options[key] for key in ("min_values", "max_values", "classes")}
        try:
            if is_keras(file):
                self._import_keras(file, name, frames, **of_keras)
                return
            if any(of_keras.values()):
                raise CommandError("--min-values, --max-values and --classes belong to .h5 files.")
            self._import_published(file, name, frames)
        except CheckpointError as error:
            raise CommandError(error.message) from error

    def _import_published(self, file: Path, name: str, frames: int | None) -> None:
        from ml_app.detection.importing.pytorch import import_published  # noqa: PLC0415 - imports torch

        (count,) = import_published(file, settings.MODELS_DIR, name, frames).heads
        self.stdout.write(self.style.SUCCESS(f"Installed the detector {name!r} for {count} frames."))
        self.stdout.write(
            f"It reads the first {count} frames of a video, as the published code does, one face in each,\n"
            "and its verdict rests on the last of them: the published LSTM never sees time. Its scores\n"
            f"are not calibrated. Use it: python manage.py analyze VIDEO --detector {name}"
        )

    def _import_keras(
        self,
        file: Path,
        name: str,
        frames: int | None,
        *,
        min_values: Path | None,
        max_values: Path | None,
        classes: str | None,
    ) -> None:
        from ml_app.detection.importing.keras import RangeFiles, import_keras  # noqa: PLC0415 - imports h5py

        order = tuple((classes or "real,fake").split(","))
        ranges = RangeFiles(min_values, max_values)
        folder = import_keras(file, settings.MODELS_DIR, name, frames, ranges=ranges, classes=order)
        (count,) = folder.heads
        self.stdout.write(self.style.SUCCESS(f"Installed the detector {name!r} for {count} frames."))
        if classes is None:
            self.stdout.write(
                "The file does not tell what its output means: 1 is taken for FAKE. If its author has it\n"
                "the other way round, import it again with --classes fake,real."
            )
        self.stdout.write(
            f"It reads where 68 points of a face stand in the first {count} frames of a video, in pixels\n"
            "of the frame, and gives one score for all of them. Its scores are not calibrated.\n"
            f"Use it: python manage.py analyze VIDEO --detector {name}"
        )
