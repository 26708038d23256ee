"""What readers return: the files of a set, each with its split and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ml_app.training.data.shards import Face

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")


class ReaderError(ValueError):
    """A set is not laid out as expected; the message says what was looked for and where."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: where its bytes lie, its split and what is known of it."""

    file: Path  # the picture itself, or the tar that holds it
    offset: int
    size: int
    split: str
    face: Face
    tight: bool = True  # whether it is a crop of one face already


@dataclass(frozen=True, slots=True)
class Clip:
    """A video, its split and what is known of it. `name` is that of its shard, unique within its set."""

    path: Path
    split: str
    face: Face
    name: str = ""


Item = Clip | Picture


@dataclass(frozen=True, slots=True)
class Listing:
    """A set as a reader found it. `notes` say in words what was left out, and why."""

    name: str
    clips: tuple[Clip, ...] = ()
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def items(self) -> list[Item]:
        """Clips and pictures."""
        return [*self.clips, *self.pictures]


def videos_in(folder: Path) -> list[Path]:
    """The videos directly within a folder, by name; none where there is no such folder."""
    return sorted(p for p in folder.glob("*") if p.suffix.lower() in VIDEOS) if folder.is_dir() else []


def flat(relative: Path) -> str:
    """A path within a set as the name of a shard."""
    return "-".join(relative.with_suffix("").parts)
