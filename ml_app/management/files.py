"""The videos and pictures that somebody names on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

COMMAND_LINE = "local:command-line"  # the owner of what commands keep: nobody's history, so staff alone
SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("mp4", "m4v", "mov", "qt", "webm", "mkv", "avi", "3gp", "3g2", "wmv", "asf"),
        *("flv", "ts", "mts", "m2ts", "mpg", "mpeg", "ogv", "gif", "webp", "apng"),
        *("jpg", "jpeg", "png", "heic", "heif", "hif", "avif", "avifs", "tif", "tiff"),
    )
)


def videos(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Files to analyse, and folders without any. A file that is named is taken whatever its suffix."""
    files: list[Path] = []
    empty = []
    for path in paths:
        found = list(_search(path)) if path.is_dir() else [path]
        files += found
        if not found:
            empty.append(path)
    return list(dict.fromkeys(files)), empty


def _search(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield path
