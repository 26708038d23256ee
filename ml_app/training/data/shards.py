"""Prepared faces on disk: shards of crops with their landmarks, written once and read as memory maps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image, crop, landmark_square
from ml_app.training.data.landmarks import Landmarks

STORED_SIDE = 144  # pixels; more than the network sees, so that crops can be jittered
STORED_MARGIN = 1.18  # of the landmarks' square; the tightest of our sources allows no more


@dataclass(frozen=True, slots=True)
class CropFormat:
    """How prepared faces are kept."""

    side: int = STORED_SIDE  # of a crop, pixels
    margin: float = STORED_MARGIN  # of a crop, as a multiple of the landmarks' square
    clip_frames: int = 120  # at most, of a clip, evenly


USUAL = CropFormat()


@dataclass(frozen=True, slots=True)
class Face:
    """What is known of one prepared face. `group` never stands in two splits."""

    source: str  # the picture or clip it comes from
    group: str  # person, original video or pair
    fake: bool
    family: str = ""
    generator: str = ""
    pair: str = ""  # genuine and manipulated versions of one footage share it
    time_s: float = 0.0  # of a clip's frame
    sha256: str = ""  # of the picture's or clip's file; empty in shards of earlier versions
    margin: float = STORED_MARGIN  # of the stored crop, as a multiple of the landmarks' square


@dataclass(frozen=True, slots=True)
class Shard:
    """Prepared faces: uint8 (N, S, S, 3) RGB, float32 (N, 68, 2) in pixels of the crop, and N records.

    S is 144 unless `prepare` was told otherwise. `name` is unique among all sets.
    """

    images: npt.NDArray[np.uint8]
    landmarks: npt.NDArray[np.float32]
    faces: tuple[Face, ...]
    name: str = ""

    @property
    def margin(self) -> float:
        """Of the crops, as a multiple of the landmarks' square."""
        return self.faces[0].margin

    @property
    def is_clip(self) -> bool:
        """Whether these are frames of one clip in order of time, and not pictures."""
        return len(self.faces) > 1 and len({face.source for face in self.faces}) == 1


def cut(
    image: Image, landmarks: Landmarks, side: int = STORED_SIDE, margin: float = STORED_MARGIN
) -> tuple[Image, Landmarks]:
    """Cut a face for the store.

    Args:
        image: uint8 (H, W, 3).
        landmarks: float32 (68, 2), pixels of `image`.
        side: Of the crop, pixels.
        margin: Of the crop, as a multiple of the landmarks' square.

    Returns:
        uint8 (side, side, 3) and the landmarks in pixels of it.

    Raises:
        ValueError: The landmarks lie beyond the image.
    """
    box = landmark_square(landmarks, margin)
    factor = side / box.width
    moved = (landmarks - np.array([box.left, box.top], dtype=np.float32)) * factor
    return crop(image, box, side), moved.astype(np.float32)


def write_shard(
    folder: Path, name: str, images: Sequence[Image], landmarks: Sequence[Landmarks], faces: Sequence[Face]
) -> None:
    """Write a shard. The index appears last, so that a shard is whole when its index exists."""
    folder.mkdir(parents=True, exist_ok=True)
    stacked = np.stack(images) if images else np.zeros((0, STORED_SIDE, STORED_SIDE, 3), dtype=np.uint8)
    points = np.stack(landmarks) if landmarks else np.zeros((0, 68, 2), dtype=np.float32)
    np.save(folder / f"{name}.images.npy", stacked)
    np.save(folder / f"{name}.landmarks.npy", points.astype(np.float32))
    partial = folder / f"{name}.partial"
    partial.write_text(json.dumps([asdict(face) for face in faces]))
    partial.replace(folder / f"{name}.json")


def has_shard(folder: Path, name: str) -> bool:
    """Whether a shard was written wholly."""
    return (folder / f"{name}.json").exists()


def read_faces(folder: Path, name: str) -> tuple[Face, ...]:
    """The records of a shard alone, without its images."""
    return tuple(Face(**record) for record in json.loads((folder / f"{name}.json").read_text()))


def read_shard(folder: Path, name: str) -> Shard:
    """Open a shard; its images are read from disk when they are used."""
    faces = read_faces(folder, name)
    images = np.load(folder / f"{name}.images.npy", mmap_mode="r")
    whole = f"{folder.parent.name}-{folder.name}-{name}"
    return Shard(images, np.load(folder / f"{name}.landmarks.npy"), faces, whole)


def stored_format(folder: Path) -> tuple[int, float] | None:
    """Side and margin of the crops in a folder of shards, None where there are none."""
    for shard in read_shards(folder):
        return int(shard.images.shape[1]), shard.margin
    return None


def read_shards(folder: Path) -> Iterator[Shard]:
    """All shards of a folder in the order of their names, but empty ones."""
    for index in sorted(folder.glob("*.json")):
        shard = read_shard(folder, index.stem)
        if shard.faces:
            yield shard
