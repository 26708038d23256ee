"""manage.py fit_drawn: teach an installed detector to tell drawn faces from photographed ones."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Write a file beside a detector's heads by which it tells drawn faces and abstains. Heads and their "
        "scores stay as they are."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("detector", help="name of an installed detector that has a second look")
        add("--data", type=Path, default=Path("runs/prepared"), help="from `prepare`")
        add("--models", type=Path, default=Path("models"), help="where detectors are kept")
        add("--training-data", required=True, help="what the photographs are, in words")
        add("--licence", default="", help="of the weights")
        add("--drawings", type=int, default=100, help="of each style (default: %(default)s)")
        add("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        from ml_app.detection.errors import CheckpointError  # noqa: PLC0415
        from ml_app.training.drawn.fit import fit_drawn  # noqa: PLC0415 - torch is slow to import
        from ml_app.training.workflow import split_folders  # noqa: PLC0415

        def report(done: int) -> None:
            if done % 320 == 0:
                self.stdout.write(f"{done} faces")

        try:
            figures = fit_drawn(
                options["models"],
                options["detector"],
                split_folders(options["data"], "train"),
                training_data=options["training_data"],
                licence=options["licence"],
                drawings=options["drawings"],
                seed=options["seed"],
                on_done=report,
            )
        except CheckpointError as error:
            raise CommandError(error.message) from error
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        for style, found in figures["styles_left_out"].items():
            self.stdout.write(f"{style}, left out: {found['recall']:.0%} of {found['n']}, AUC {found['auc']}")
