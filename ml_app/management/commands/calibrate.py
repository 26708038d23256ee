"""manage.py calibrate: measure a detector on what it has not seen, and fit probabilities and thresholds."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

if TYPE_CHECKING:
    from ml_app.training.data.items import Picture

PICTURE_SETS = ("pairs", "faces")


class Command(BaseCommand):
    help = (
        "Fit a detector's calibration and threshold on dev clips, and those for single pictures on dev "
        "pictures, and write them with the measured figures into it. What is not given stays as it is."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("detector", help="name of its folder")
        parser.add_argument("--clips", type=Path, metavar="CSV", help="as for `prepare`; its dev split")
        parser.add_argument(
            "--frames",
            type=int,
            nargs="+",
            metavar="N",
            help="only the heads for these numbers of frames; the others' files stay as they are",
        )
        pictures = "pictures as for `prepare`; their dev split"
        for kind in PICTURE_SETS:
            parser.add_argument(
                f"--{kind}", type=Path, action="append", default=[], metavar="TAR", help=pictures
            )
        parser.add_argument(
            "--part",
            action="append",
            default=[],
            metavar="NAME=FOLDER",
            help="fit an ensemble: a detector that it asks, and the report that `evaluate` wrote of it",
        )
        parser.add_argument("--ensemble-version", default="1", help="what a fitted ensemble calls itself")
        parser.add_argument("--models", type=Path, default=Path("models"), help="where detectors are kept")
        parser.add_argument(
            "--cache", type=Path, default=Path("runs/served"), help="for faces that were found"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["clips"] and not options["pairs"]:
            raise CommandError("Nothing to measure on: give --clips, or --pairs for pictures, or both.")
        if options["faces"] and not options["pairs"]:
            raise CommandError("--faces holds genuine pictures alone: give --pairs as well.")
        from ml_app.detection.errors import CheckpointError  # noqa: PLC0415

        try:
            if options["part"]:
                self._ensemble(options)
            elif options["clips"]:
                self._clips(options)
            if options["pairs"]:
                self._pictures(options)
        except CheckpointError as error:
            raise CommandError(error.message) from error
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error

    def _ensemble(self, options: dict[str, Any]) -> None:
        from ml_app.training.calibration.report import figures_table  # noqa: PLC0415
        from ml_app.training.calibration.stacking import fit_ensemble, read_report  # noqa: PLC0415
        from ml_app.training.evaluation.table import read_table  # noqa: PLC0415

        named = [part.partition("=") for part in options["part"]]
        if len(named) < 2 or not all(folder for _name, _sign, folder in named) or not options["clips"]:
            raise CommandError("An ensemble wants --clips and two or more --part NAME=FOLDER.")
        reports = [read_report(name, Path(folder)) for name, _sign, folder in named]
        clips = read_table(options["clips"], "dev")
        figures = fit_ensemble(
            options["models"], options["detector"], clips, reports, version=options["ensemble_version"]
        )
        self.stdout.write(figures_table(figures))
        for told in figures.values():
            self.stdout.write(f"held out: {told['held_out']}\ndisagreement: {told['disagreement']}")

    def _clips(self, options: dict[str, Any]) -> None:
        from ml_app.training.calibration.calibrate import calibrate_detector  # noqa: PLC0415 - torch is slow to import
        from ml_app.training.calibration.report import figures_table  # noqa: PLC0415
        from ml_app.training.readers.table import read_clips  # noqa: PLC0415

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
                frame_counts=options["frames"],
                on_done=show,
            )
        self.stdout.write(figures_table(figures))

    def _pictures(self, options: dict[str, Any]) -> None:
        from ml_app.training.calibration.pictures import calibrate_pictures  # noqa: PLC0415
        from ml_app.training.calibration.report import figures_table  # noqa: PLC0415

        pictures = _dev_pictures(options)
        with tqdm(total=len(pictures), unit="picture", disable=None) as bar:
            figures = calibrate_pictures(
                options["models"], options["detector"], pictures, options["cache"], on_done=bar.update
            )
        self.stdout.write(figures_table(figures, "pictures"))


def _dev_pictures(options: dict[str, Any]) -> list[Picture]:
    from ml_app.training.readers import read_set  # noqa: PLC0415

    listings = [read_set(kind, path) for kind in PICTURE_SETS for path in options[kind]]
    pictures = [picture for listing in listings for picture in listing.pictures if picture.split == "dev"]
    if not pictures:
        raise CommandError("These sets hold no pictures of the dev split.")
    return pictures
