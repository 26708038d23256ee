"""manage.py calibrate: measure a detector on clips it has not seen, and fit probabilities and threshold."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm


class Command(BaseCommand):
    help = (
        "Fit a detector's calibration and threshold on the dev clips, and write the measured figures into it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("detector", help="name of its folder")
        parser.add_argument("--clips", type=Path, required=True, metavar="CSV", help="as for `prepare`")
        parser.add_argument("--models", type=Path, default=Path("models"), help="where detectors are kept")
        parser.add_argument("--data", type=Path, default=Path("runs/prepared"), help="for picture pairs")
        parser.add_argument("--cache", type=Path, default=Path("runs/served"), help="for faces of the clips")

    def handle(self, *args: Any, **options: Any) -> None:
        from ml_app.detection.errors import CheckpointError  # noqa: PLC0415
        from ml_app.training.calibration.calibrate import calibrate_detector  # noqa: PLC0415 - torch is slow to import
        from ml_app.training.calibration.report import figures_table  # noqa: PLC0415
        from ml_app.training.readers.table import read_clips  # noqa: PLC0415

        try:
            clips = [clip for clip in read_clips(options["clips"]) if clip.split == "dev"]
            if not clips:
                raise CommandError(f"{options['clips']} lists no clips of the dev split.")
            with tqdm(total=len(clips), unit="clip", disable=None) as bar:

                def show(done: int, total: int) -> None:
                    bar.update()

                figures = calibrate_detector(
                    options["models"],
                    options["detector"],
                    clips,
                    options["cache"],
                    pictures=sorted(options["data"].glob("*/dev")),
                    on_done=show,
                )
        except CheckpointError as error:
            raise CommandError(error.message) from error
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(figures_table(figures))
