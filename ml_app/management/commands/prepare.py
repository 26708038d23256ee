"""manage.py prepare: cut faces out of pictures and clips for training. Continues where it was stopped."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm


class Command(BaseCommand):
    help = "Find, align and cut faces for training; what was prepared before is left alone."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--faces",
            type=Path,
            action="append",
            default=[],
            metavar="TAR",
            help="genuine faces: <train|dev>/<file>.jpg, one person each",
        )
        parser.add_argument(
            "--pairs",
            type=Path,
            action="append",
            default=[],
            metavar="TAR",
            help="pairs: <train|dev>/<original>/real.jpg with its fake-*.jpg",
        )
        parser.add_argument(
            "--clips",
            type=Path,
            action="append",
            default=[],
            metavar="CSV",
            help="clips: columns file, split, label; better with family, generator_or_corpus, pair",
        )
        parser.add_argument("--out", type=Path, default=Path("runs/prepared"), help="where to keep the faces")
        parser.add_argument("--processes", type=int, default=2, help="how many work at the same time")

    def handle(self, *args: Any, **options: Any) -> None:
        from ml_app.training import prepare  # noqa: PLC0415 - heavy

        out = options["out"]
        try:
            jobs = [job for tar in options["faces"] for job in prepare.face_jobs(tar, out)]
            jobs += [job for tar in options["pairs"] for job in prepare.pair_jobs(tar, out)]
            jobs += [job for table in options["clips"] for job in prepare.clip_jobs(table, out)]
            if not jobs:
                raise CommandError("Nothing to prepare: give --faces, --pairs or --clips.")
            with tqdm(total=len(jobs), unit="shard", disable=None) as bar:

                def show(done: int, total: int, job: prepare.Job, faces: int) -> None:
                    bar.total = total
                    bar.update()
                    bar.set_postfix_str(
                        f"{job.folder.parent.name}/{job.folder.name} {job.name}: {faces} faces"
                    )

                prepare.prepare(jobs, options["processes"], show)
        except (OSError, ValueError) as error:
            raise CommandError(f"{type(error).__name__}: {error}") from error
        self.stdout.write(f"{len(jobs)} shards are prepared in {out}.")
