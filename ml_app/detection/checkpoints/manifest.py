"""The manifest of a detector's folder: which files belong to it, and the hashes that they must have."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_app.detection.errors import CheckpointError, cause

FORMAT = 1
MANIFEST = "manifest.json"
SECOND = "second_backbone"  # kinds of files
DRAWN = "drawn_reading"


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file of a detector and the hash that its manifest pins."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class DetectorFolder:
    """A detector on disk, as its manifest tells."""

    name: str
    backbone: PinnedFile
    heads: dict[int, PinnedFile]  # by frame count, ascending
    second: PinnedFile | None = None  # a network that looks at a few of a person's frames
    drawn: PinnedFile | None = None  # which tells drawn faces by what that network sees

    def nearest(self, frames: int) -> int:
        """The frame count of the head for `frames`: that, or the nearest there is; the larger of two."""
        return min(self.heads, key=lambda count: (abs(count - frames), -count))


def available(models_dir: Path) -> tuple[DetectorFolder, ...]:
    """The detectors of a folder, by name, but those without a usable manifest. Imports no torch."""
    found = []
    for manifest in sorted(models_dir.glob(f"*/{MANIFEST}")):
        try:
            found.append(open_folder(models_dir, manifest.parent.name))
        except CheckpointError:
            continue
    return tuple(found)


def head_by_sha256(models_dir: Path, sha256: str) -> tuple[str, int, PinnedFile] | None:
    """The installed head whose file has this hash: its detector, frame count and file. Imports no torch."""
    for folder in available(models_dir):
        for frame_count, pinned in folder.heads.items():
            if pinned.sha256 == sha256:
                return folder.name, frame_count, pinned
    return None


def open_folder(models_dir: Path, name: str) -> DetectorFolder:
    """Read the manifest of one detector. Nothing is hashed yet.

    Raises:
        CheckpointError: There is no such detector, or its manifest is unusable.
    """
    folder = models_dir / name
    if Path(name).name != name or not (folder / MANIFEST).is_file():
        names = ", ".join(sorted(path.parent.name for path in models_dir.glob(f"*/{MANIFEST}"))) or "none"
        raise CheckpointError(
            "no_detector",
            f"There is no detector named {name!r}. Installed: {names}.",
            f"{MANIFEST} not found",
        )
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["format"] != FORMAT:
            raise ValueError(f"format {manifest['format']!r} is not {FORMAT}")
        backbones, seconds, drawn, heads = [], [], [], {}
        for file, entry in manifest["files"].items():
            if Path(file).name != file:
                raise ValueError(f"{file!r} is not a plain file name")
            pinned = PinnedFile(folder / file, str(entry["sha256"]))
            if entry["kind"] == "head":
                heads[int(entry["frame_count"])] = pinned
            elif entry["kind"] == "backbone":
                backbones.append(pinned)
            elif entry["kind"] == SECOND:
                seconds.append(pinned)
            elif entry["kind"] == DRAWN:
                drawn.append(pinned)
        if len(backbones) != 1 or len(seconds) > 1 or len(drawn) > 1 or not heads:
            raise ValueError(
                f"{len(backbones)} backbones, {len(seconds)} second ones, {len(drawn)} that tell drawings, "
                f"{len(heads)} heads; one, at most one, at most one and at least one are needed"
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            "bad_manifest",
            f"The manifest of the detector {name!r} cannot be used. Install the detector again.",
            cause(error),
        ) from error
    return DetectorFolder(
        name, backbones[0], dict(sorted(heads.items())), next(iter(seconds), None), next(iter(drawn), None)
    )


def pin(path: Path, kind: str, frame_count: int | None) -> None:
    """Write a file's hash into the manifest of its folder."""
    manifest_path = path.parent / MANIFEST
    manifest = (
        json.loads(manifest_path.read_text()) if manifest_path.exists() else {"format": FORMAT, "files": {}}
    )
    entry: dict[str, Any] = {"kind": kind, "sha256": sha256_of(path), "bytes": path.stat().st_size}
    if frame_count is not None:
        entry["frame_count"] = frame_count
    manifest["files"][path.name] = entry
    manifest_path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def unpin(path: Path) -> None:
    """Take a file out of the manifest of its folder, and away. Nothing happens where it is not there."""
    manifest_path = path.parent / MANIFEST
    manifest = json.loads(manifest_path.read_text())
    if manifest["files"].pop(path.name, None) is not None:
        manifest_path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
