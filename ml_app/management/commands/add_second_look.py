"""manage.py add_second_look: give an installed detector a second network for a few frames."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Write a second network, which looks at a few of each person's frames, into a detector's folder, and "
        "its reading into the heads. The detector must be calibrated again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("detector", help="name of an installed detector, whose files are changed")
        add(
            "--tight",
            type=Path,
            default=Path("runs/tight"),
            help="finished run of the recipe `tight`, or a detector that has its network",
        )
        add(
            "--transformer",
            type=Path,
            required=True,
            help="DINOv2's file, see docs/training.md",
        )
        add("--data", type=Path, default=Path("runs/prepared"), help="from `prepare`")
        add("--models", type=Path, default=Path("models"), help="where detectors are kept")
        add("--detector-version", required=True, help="of the detector as it becomes, such as 5")
        add("--training-data", required=True, help="what it then learned from, in words")

    def handle(self, *args: Any, **options: Any) -> None:
        from ml_app.detection.errors import CheckpointError  # noqa: PLC0415
        from ml_app.detection.networks.backbones import BackboneError  # noqa: PLC0415 - torch is slow to import
        from ml_app.training.second_look import add_second_look  # noqa: PLC0415
        from ml_app.training.workflow import split_folders  # noqa: PLC0415

        def report(done: int, total: int) -> None:
            if done % 100 == 0 or done == total:
                self.stdout.write(f"{done} of {total} clips")

        try:
            add_second_look(
                options["models"] / options["detector"],
                options["tight"],
                options["transformer"],
                split_folders(options["data"], "train"),
                version=options["detector_version"],
                training_data=options["training_data"],
                on_done=report,
            )
        except CheckpointError as error:
            raise CommandError(error.message) from error
        except (BackboneError, OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Now run `calibrate {options['detector']}`.")
