"""`manage.py analyze`: the detector on the command line, without a database unless it is asked to save."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from tqdm import tqdm

from ml_app.batches.archive import Member
from ml_app.detection import ensemble, summary
from ml_app.detection.checkpoints.manifest import open_folder, sha256_of
from ml_app.detection.errors import CheckpointError, DetectionError, VideoError
from ml_app.detection.faces.pool.process_pool import shared_pool
from ml_app.detection.findings import Findings, Progress
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.loading import LoadingDetector
from ml_app.detection.video.kinds import holds_picture
from ml_app.management import archives
from ml_app.management.detectors import add_detector_arguments
from ml_app.management.files import COMMAND_LINE, videos
from ml_app.management.links import Source, fetched, split
from ml_app.provenance.summary import to_text
from ml_app.services.scanning.provenance import provenance_of

AnyDetector = LoadingDetector | ensemble.Ensemble


class Command(BaseCommand):
    """Analyses files and folders."""

    help = (
        "Tell whether the people in videos and pictures are genuine. Exit status 0 when every file was "
        "analysed, whatever was found, and 1 when any could not be."
    )
    requires_system_checks = []
    _name: str
    _for_pictures: AnyDetector | None
    _others: list[LoadingDetector]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "paths",
            nargs="+",
            metavar="PATH",
            help="a video or picture, a folder to search, a zip file, a link, or a table of links (.csv)",
        )
        parser.add_argument(
            "--frames",
            type=int,
            help=f"frames to read; {settings.DEFAULT_FRAME_COUNT}, or what the detector was made for",
        )
        add_detector_arguments(parser)
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument(
            "--save", action="store_true", help="keep the findings on the site, for its staff"
        )

    def handle(self, *args: Any, paths: list[str], frames: int | None, **options: Any) -> None:
        """Analyse every file; the detector is loaded once, while the first is already being read."""
        if frames is not None and frames < 1:
            raise CommandError("--frames must be 1 or more.")
        self._name, self._for_pictures = options["detector"], None
        detector = self._load(self._name, frames)
        asked = [self._load(name, detector.frames) for name in dict.fromkeys(options["also"])]
        self._others = [one for one in asked if isinstance(one, LoadingDetector)]
        if len(self._others) < len(asked):
            raise CommandError("--also asks no ensemble; give it as --detector.")
        failures = 0
        links, named = split(paths)
        zips, others = archives.split(named)
        files, empty = videos(others)
        for folder in empty:
            failures += 1
            self.stderr.write(f"{folder}: no video or picture in this folder")
        for file in files:
            failures += not self._analyse(file, detector, as_json=options["json"], save=options["save"])
        for path in zips:
            failures += self._analyse_zip(path, detector, as_json=options["json"], save=options["save"])
        for url in links:
            failures += not self._analyse_link(url, detector, as_json=options["json"], save=options["save"])
        if failures:
            sys.exit(1)

    def _load(self, name: str, frames: int | None) -> AnyDetector:
        shared_pool().warm_up()
        try:
            if frames is None:
                folder = open_folder(settings.MODELS_DIR, name)
                frames = folder.nearest(settings.DEFAULT_FRAME_COUNT)
            return ensemble.load(Path(settings.MODELS_DIR), name, frames, settings.DEVICE)
        except CheckpointError as error:
            raise CommandError(error.message) from error

    def _analyse_zip(self, path: Path, detector: AnyDetector, *, as_json: bool, save: bool) -> int:
        """How many could not be analysed."""
        try:
            found = archives.listed(path)
        except VideoError as error:
            self._refuse(str(path), None, error, detector, as_json=as_json)
            return 1
        return sum(
            not self._analyse_member(path, member, detector, as_json=as_json, save=save) for member in found
        )

    def _analyse_member(
        self, path: Path, member: Member, detector: AnyDetector, *, as_json: bool, save: bool
    ) -> bool:
        name = f"{path}/{member.name}"
        try:
            with archives.unpacked(path, member) as file:
                return self._analyse(file, detector, as_json=as_json, save=save, called=name)
        except VideoError as error:
            self._refuse(name, None, error, detector, as_json=as_json)
            return False

    def _for(self, file: Path, detector: AnyDetector) -> AnyDetector:
        """What judges a file: of pictures it is the head of the fewest frames."""
        if not holds_picture(file):
            return detector
        self._for_pictures = self._for_pictures or self._load(self._name, 1)
        return self._for_pictures

    def _analyse_link(self, url: str, detector: AnyDetector, *, as_json: bool, save: bool) -> bool:
        try:
            with fetched(url) as (file, found):
                source = Source(url, found)
                return self._analyse(file, detector, as_json=as_json, save=save, source=source)
        except VideoError as error:
            self._refuse(url, None, error, detector, as_json=as_json)
            return False

    def _analyse(
        self,
        file: Path,
        detector: AnyDetector,
        *,
        as_json: bool,
        save: bool,
        source: Source | None = None,
        called: str = "",
    ) -> bool:
        sha256, name = None, called or (source.url if source else str(file))
        detector = self._for(file, detector)
        try:
            sha256 = _sha256(file)
            findings = _with_progress(file, detector, self._others)
            provenance = provenance_of(file, findings.video)
        except CheckpointError as error:  # no other file would fare better
            raise CommandError(error.message) from error
        except DetectionError as error:
            self._refuse(name, sha256, error, detector, as_json=as_json)
            return False
        if as_json:
            origin = source.to_json() if source else None
            told = summary.to_json(name, sha256, findings, origin=origin, provenance=provenance.to_json())
            self._line(told)
        else:
            self.stdout.write(summary.to_text(name, findings))
            self.stdout.write(to_text(provenance))
        return not save or self._save(file, findings, source, provenance.to_json())

    def _refuse(
        self,
        name: str,
        sha256: str | None,
        error: DetectionError,
        detector: AnyDetector,
        *,
        as_json: bool,
    ) -> None:
        if as_json:
            self._line(summary.error_to_json(name, sha256, error, detector.info, detector.frames))
        else:
            self.stderr.write(f"{name}\n  {error.message}")

    def _save(
        self, file: Path, findings: Findings, source: Source | None, provenance: dict[str, Any]
    ) -> bool:
        from ml_app import services  # noqa: PLC0415 - without --save no database is needed

        try:
            scan = services.save_analysis(
                path=file, findings=findings, owner=COMMAND_LINE, user=None, provenance=provenance
            )
            if source:
                source.note(scan.video)
        except services.ServiceError as error:
            self.stderr.write(f"{file}\n  Not saved: {error}")
            return False
        except OperationalError as error:  # away, locked, or without room on its disk
            self.stderr.write(f"{file}\n  Not saved, because of the site's database: {error}")
            return False
        self.stderr.write(f"{file}\n  Saved as scan {scan.pk}")
        return True

    def _line(self, value: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False))
        self.stdout.flush()


def _sha256(file: Path) -> str | None:
    if not file.exists():
        raise VideoError("not_found", "There is no such file.")
    if not file.is_file():  # a device or a pipe; opening the video says so
        return None
    try:
        return sha256_of(file)
    except OSError as error:
        raise VideoError("unreadable_file", f"The file cannot be read: {error.strerror}.") from error


def _with_progress(file: Path, detector: AnyDetector, others: list[LoadingDetector]) -> Findings:
    with tqdm(desc=file.name, leave=False, disable=not sys.stderr.isatty()) as bar:

        def show(progress: Progress) -> None:
            bar.total = progress.total
            bar.set_postfix_str(progress.stage.value, refresh=False)
            bar.n = progress.done
            bar.refresh()

        return analyse(
            file,
            detector,
            frames=detector.frames,
            others=others,
            on_progress=show,
            found_by=settings.FACE_FINDER,
        )
