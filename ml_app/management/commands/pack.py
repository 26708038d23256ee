"""manage.py pack: prepared faces as one small file, or back from it."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

MIB = 2**20


class Command(BaseCommand):
    help = "Pack prepared faces into one small file, to train on another machine; or unpack it there."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the packed faces, a .tar")
        parser.add_argument("--data", type=Path, default=Path("runs/prepared"), help="the prepared faces")
        parser.add_argument("--unpack", action="store_true", help="write the prepared faces from the file")
        parser.add_argument("--limit", type=float, default=60, help="MiB of the file")
        parser.add_argument("--side", type=int, default=0, help="of the packed crops, pixels; 0 keeps theirs")
        parser.add_argument("--quality", type=int, default=92, help="of the JPEGs, 1 to 100")

    def handle(self, *args: Any, **options: Any) -> None:
        from ml_app.training.data.packing import Form, pack, unpack  # noqa: PLC0415

        file, data = options["file"], options["data"]
        try:
            if options["unpack"]:
                self.stdout.write(f"{unpack(file, data)} shards written to {data}.")
                return
            limit = int(options["limit"] * MIB)
            packed = pack(data, file, limit, Form(options["side"], options["quality"]))
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{file}: {packed.faces} of {packed.of} faces, {packed.size / MIB:.1f} MiB. There: "
            f"manage.py pack {file.name} --unpack"
        )
