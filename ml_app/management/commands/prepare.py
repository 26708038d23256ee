"""manage.py prepare: cut faces out of pictures and clips for training. Continues where it was stopped."""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ml_app.detection.hardware import usable_cores

if TYPE_CHECKING:
    from ml_app.training.data.items import Listing
    from ml_app.training.data.prepare import Done, Job

SKIPPED = "skipped.csv"


class Command(BaseCommand):
    help = "Find, follow and cut faces for training; what was prepared before is left alone."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        from ml_app.training.readers import READERS  # noqa: PLC0415 - numpy, OpenCV

        for kind, reader in READERS.items():
            parser.add_argument(
                f"--{kind}", type=Path, action="append", default=[], metavar=reader.metavar, help=reader.help
            )
        parser.add_argument(
            "--compression", choices=["c0", "c23", "c40"], default="c23", help="of --ffpp and --dfd"
        )
        parser.add_argument(
            "--ffpp-splits", type=Path, metavar="DIR", help="official train.json, val.json, test.json"
        )
        parser.add_argument("--out", type=Path, default=Path("runs/prepared"), help="where to keep the faces")
        parser.add_argument("--side", type=int, default=144, help="of the stored crops, pixels")
        parser.add_argument(
            "--margin",
            type=float,
            default=1.18,
            help="of the stored crops, as a multiple of the landmarks' square",
        )
        parser.add_argument("--frames", type=int, default=120, help="kept of a clip at most, evenly")
        parser.add_argument(
            "--processes", type=int, default=usable_cores(), help="how many work at the same time"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from ml_app.training.data.leakage import take_out_shared  # noqa: PLC0415
        from ml_app.training.data.prepare import jobs_of  # noqa: PLC0415
        from ml_app.training.data.shards import CropFormat  # noqa: PLC0415
        from ml_app.training.readers.table import write_clips  # noqa: PLC0415

        out = options["out"]
        form = CropFormat(options["side"], options["margin"], options["frames"])
        try:
            listings = self._read(options)
            jobs = [job for listing in listings for job in jobs_of(listing, out, form)]
            for listing in listings:
                if listing.clips:
                    write_clips(out / f"{listing.name}.csv", listing.clips)
            outcomes = self._prepare(jobs, max(1, options["processes"]))
            taken = take_out_shared(out)
        except (OSError, ValueError) as error:
            raise CommandError(f"{type(error).__name__}: {error}") from error
        self._report(out, len(jobs), outcomes)
        if taken:
            self.stdout.write(
                f"{len(taken)} dev faces were taken out again, for their persons or originals stand in train "
                f"under another name. The first: {taken[0]}"
            )

    def _read(self, options: dict[str, Any]) -> list[Listing]:
        from ml_app.training.readers import READERS, Options, read_set  # noqa: PLC0415

        chosen = Options(options["compression"], options["ffpp_splits"])
        listings = [read_set(kind, path, chosen) for kind in READERS for path in options[kind]]
        if not listings:
            raise CommandError(f"Nothing to prepare: give {', '.join(f'--{kind}' for kind in READERS)}.")
        names = [listing.name for listing in listings]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise CommandError(f"Two sets are named {twice!r}; rename the folder or file of one.")
        for listing in listings:
            counts = {
                split: sum(item.split == split for item in listing.items)
                for split in ("train", "dev", "test")
            }
            self.stdout.write(f"{listing.name}: {', '.join(f'{n} {split}' for split, n in counts.items())}")
            for note in listing.notes:
                self.stdout.write(f"  {note}")
        return listings

    def _prepare(self, jobs: list[Job], processes: int) -> list[Done]:
        from ml_app.training.data.prepare import prepare  # noqa: PLC0415

        with tqdm(total=len(jobs), unit="shard", disable=None) as bar:

            def show(done: int, total: int, outcome: Done) -> None:
                bar.total = total
                bar.update()
                job = outcome.job
                bar.set_postfix_str(f"{job.folder.parent.name}/{job.folder.name} {job.name}: {outcome.faces}")

            return prepare(jobs, processes, show)

    def _report(self, out: Path, shards: int, outcomes: list[Done]) -> None:
        skipped = [(outcome.job, *found) for outcome in outcomes for found in outcome.skipped]
        if skipped:
            with (out / SKIPPED).open("a", newline="") as file:
                rows = [(job.folder.parent.name, source, reason) for job, source, reason in skipped]
                csv.writer(file).writerows(rows)
            self.stdout.write(f"{len(skipped)} files were passed over; {out / SKIPPED} says why. The first:")
            self.stdout.writelines(f"  {source}: {reason}" for _, source, reason in skipped[:5])
        faces = sum(outcome.faces for outcome in outcomes)
        self.stdout.write(f"{shards} shards are prepared in {out}; {faces} faces are new.")
