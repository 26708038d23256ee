"""Which detector this installation offers. Reads the text parts of the files and never imports torch."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.functional import Promise

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import MANIFEST, available, open_folder, sha256_of
from ml_app.detection.checkpoints.metadata import HeadMetadata, Preprocessing
from ml_app.detection.checkpoints.sharing import can_share, check_part
from ml_app.detection.errors import CheckpointError
from ml_app.errors import refuse

logger = logging.getLogger(__name__)
LONGEST_ALSO = 255  # characters, of `Scan.also`


@dataclass(frozen=True, slots=True)
class DetectorState:
    """What pages may say of a detector before a video is uploaded."""

    name: str
    available: bool
    message: Promise | str  # why not; empty if it is available
    frame_counts: tuple[int, ...]  # that there are checkpoints for, ascending
    version: str
    parts: tuple[str, ...] = ()  # of an ensemble: the detectors that it asks


def detector_state(*, name: str | None = None) -> DetectorState:
    """The state of a detector, by default the configured one. Cheap: read again only when files change."""
    return _state(name or settings.DETECTOR, Path(settings.MODELS_DIR), installed_files())


@lru_cache(maxsize=64)
def _state(name: str, models: Path, installed: int) -> DetectorState:
    folder = models / name
    state = _read(name, folder, _fingerprint(folder))
    parts = [_state(part, models, installed) for part in state.parts]
    is_whole = all(part.available for part in parts) and _fits(folder, state)
    return state if is_whole else _unavailable(name)


def _fits(folder: Path, state: DetectorState) -> bool:
    """Whether the parts of an ensemble are those that it was fitted with."""
    try:
        heads = open_folder(folder.parent, state.name).heads.values() if state.parts else ()
        for head in heads:
            for part in read_metadata(head.path, HeadMetadata).parts:
                check_part(folder.parent, part)
    except CheckpointError as error:
        logger.warning("The detector %s cannot be used: %s", state.name, error)
        return False
    return True


def installed_detectors() -> list[str]:
    """The names of the installed detectors."""
    return [folder.name for folder in available(Path(settings.MODELS_DIR))]


def asked_as_well(*, name: str, others: Sequence[str]) -> str:
    """Further detectors that are to look at one scan's people, as `Scan.also` keeps them.

    Args:
        name: The scan's own; it is not asked twice.
        others: Names.

    Raises:
        ServiceError: "bad_detector", "detector_unavailable", "ensemble_asked" or "cut_differently".
    """
    own = _parts(name)  # of an ensemble, which asks them itself
    wanted = [other for other in dict.fromkeys((*own, *others)) if other and other != name]
    known = set(installed_detectors())
    if any(other not in known for other in wanted):
        raise refuse("bad_detector")
    if not all(detector_state(name=other).available for other in wanted):
        raise refuse("detector_unavailable")
    if any(_parts(other) for other in wanted):
        raise refuse("ensemble_asked")
    if wanted and not can_share([_cut(one) for one in (name, *wanted)]):
        raise refuse("cut_differently")
    also = ",".join(wanted)
    if len(also) > LONGEST_ALSO:
        raise refuse("bad_detector")
    return also


def is_ensemble(*, name: str) -> bool:
    """Whether a detector asks others and weighs what they say."""
    return bool(_parts(name))


def _parts(name: str) -> tuple[str, ...]:
    """Of an ensemble, its parts by name."""
    return detector_state(name=name).parts


def _cut(name: str) -> Preprocessing:
    heads = open_folder(Path(settings.MODELS_DIR), name).heads
    return read_metadata(heads[max(heads)].path, HeadMetadata).preprocessing


def installed_files() -> int:
    """A number that changes whenever a file of any detector does, for what is kept of them."""
    try:
        with os.scandir(settings.MODELS_DIR) as entries:
            folders = sorted(entry.path for entry in entries if entry.is_dir())
    except OSError:
        folders = []
    return hash((settings.MODELS_DIR, settings.DETECTOR, *((one, _fingerprint(one)) for one in folders)))


def _fingerprint(folder: Path | str) -> tuple[tuple[str, int, int], ...]:
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries]
    except OSError:
        return ()
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in found))


@lru_cache(maxsize=8)
def _read(name: str, folder: Path, fingerprint: tuple[tuple[str, int, int], ...]) -> DetectorState:
    sizes = {file: size for file, _, size in fingerprint}
    try:
        found = open_folder(folder.parent, name)
        head = read_metadata(found.heads[max(found.heads)].path, HeadMetadata)
        pinned = json.loads((folder / MANIFEST).read_text())["files"]
        damaged = [file for file, entry in pinned.items() if not _is_whole(folder / file, entry, sizes)]
    except (CheckpointError, OSError, KeyError, TypeError) as error:
        logger.warning("The detector %s cannot be used: %s", name, error)
        return _unavailable(name)
    if damaged:
        logger.warning("Files of the detector %s are missing or damaged: %s", name, ", ".join(damaged))
        return _unavailable(name)
    parts = tuple(part.name for part in head.parts)
    return DetectorState(name, True, "", tuple(found.heads), head.version, parts)


def _is_whole(path: Path, entry: dict[str, Any], sizes: dict[str, int]) -> bool:
    # Some tenths of a second for all files, once for each process and change of the folder.
    return bool(sizes.get(path.name) == entry["bytes"]) and sha256_of(path) == entry["sha256"]


def _unavailable(name: str) -> DetectorState:
    return DetectorState(name, False, refuse("detector_unavailable").message, (), "")
