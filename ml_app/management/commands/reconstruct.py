"""manage.py reconstruct: pseudo-fakes of prepared faces by networks. Continues where it was stopped."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ml_app.detection.hardware import usable_cores


class Command(BaseCommand):
    help = "Let networks write prepared genuine faces anew, as pseudo-fakes to learn from."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, default=Path("runs/prepared"), help="from `prepare`")
        parser.add_argument("--decoders", type=Path, default=Path("runs/decoders"), help="the networks")
        parser.add_argument("--count", type=int, default=6000, help="faces of the train split")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--processes", type=int, default=usable_cores(), help="how many at once")

    def handle(self, *args: Any, **options: Any) -> None:
        from ml_app.training.fakes.reconstructed import RECONSTRUCTED, jobs_of, make  # noqa: PLC0415
        from ml_app.training.fakes.reconstruction import Decoders, ReconstructionError  # noqa: PLC0415

        data = options["data"]
        try:
            Decoders(options["decoders"])
            jobs = jobs_of(data, "train", options["count"], options["decoders"], options["seed"])
            with tqdm(total=sum(len(job.places) for job in jobs), unit="faces", disable=not jobs) as bar:
                for made in make(jobs, max(1, options["processes"])):
                    bar.update(made)
        except (OSError, ReconstructionError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{data / RECONSTRUCTED}: {len(jobs)} shards written")
