"""Which detector this installation offers. Reads the text parts of the files and never imports torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.functional import Promise

from ml_app.messages import refuse


@dataclass(frozen=True, slots=True)
class DetectorState:
    """What pages may say of a detector before a video is uploaded."""

    name: str
    available: bool
    message: Promise | str  # why not; empty if it is available
    frame_counts: tuple[int, ...]  # that there are checkpoints for, ascending
    version: str


def detector_state(*, name: str | None = None) -> DetectorState:
    """The state of a detector, by default the configured one. Cheap: read again only when files change."""
    name = name or settings.DETECTOR
    folder = Path(settings.MODELS_DIR) / name
    return _read(name, folder, _fingerprint(folder))


def _fingerprint(folder: Path) -> tuple[tuple[str, int, int], ...]:
    try:
        return tuple(
            sorted((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in folder.iterdir())
        )
    except OSError:
        return ()


@lru_cache(maxsize=8)
def _read(name: str, folder: Path, fingerprint: tuple[tuple[str, int, int], ...]) -> DetectorState:
    sizes = {file: size for file, _, size in fingerprint}
    try:
        files: dict[str, Any] = json.loads((folder / "manifest.json").read_text())["files"]
        heads = {entry["frame_count"]: file for file, entry in files.items() if entry["kind"] == "head"}
        whole = all(sizes.get(file) == entry["bytes"] for file, entry in files.items())
        if not heads or not whole:
            raise ValueError("files of the detector are missing or cut off")
        version = _version(folder / heads[max(heads)])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return DetectorState(name, False, refuse("detector_unavailable").message, (), "")
    return DetectorState(name, True, "", tuple(sorted(heads)), version)


def _version(path: Path) -> str:
    # safetensors: the header's length as 64-bit little-endian, then the header as JSON.
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return str(json.loads(header["__metadata__"]["checkpoint"])["version"])
