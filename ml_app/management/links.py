"""The links that somebody names on the command line, among files and folders."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from ml_app.batches import table
from ml_app.detection.errors import VideoError
from ml_app.errors import ServiceError, refuse, scan_errors
from ml_app.fetching.errors import FetchError
from ml_app.fetching.fetch import Fetched, fetch
from ml_app.models import Video
from ml_app.services.intake.links import fetch_limits
from ml_app.services.scanning.origins import note_origin
from ml_app.storage.uploads import harmless_suffix

TABLES = (".csv", ".tsv")


def is_link(text: str) -> bool:
    """Whether it is a link and not a path."""
    return text.lower().startswith(("http://", "https://"))


def split(texts: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Links, those of tables (.csv) too, and paths.

    Raises:
        CommandError: A table cannot be read.
    """
    links: list[str] = []
    paths: list[Path] = []
    for text in texts:
        if is_link(text):
            links.append(text)
        elif text.lower().endswith(TABLES):
            links += _table(Path(text))
        else:
            paths.append(Path(text))
    return list(dict.fromkeys(links)), paths


def _table(path: Path) -> list[str]:
    try:
        return table.links(path.read_bytes(), at_most=settings.BATCH_FILES)
    except ServiceError as error:
        raise CommandError(f"{path}: {error}") from error
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Source:
    """A link, and what it led to."""

    url: str
    found: Fetched
    fetched_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def to_json(self) -> dict[str, Any]:
        """As the API says it."""
        return {
            "url": self.url,
            "found_url": self.found.url or None,
            "title": self.found.title or None,
            "uploader": self.found.uploader or None,
            "fetched_at": self.fetched_at.isoformat(),
        }

    def note(self, video: Video) -> None:
        """Keep it with the video."""
        note_origin(video=video, url=self.url, found=self.found)


@contextmanager
def fetched(url: str) -> Iterator[tuple[Path, Fetched]]:
    """The file that a link leads to, as long as the block lasts.

    Raises:
        VideoError: It cannot be had, with the code and the sentence of the pages.
    """
    with tempfile.TemporaryDirectory(prefix="link-") as folder:
        path = Path(folder) / "video"
        try:
            if not settings.LINKS:
                raise refuse("links_not_enabled")
            with (
                path.open("wb") as file,
                tqdm(unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar,
            ):

                def show(done: int, total: int | None) -> None:
                    bar.total = total
                    bar.update(done - bar.n)

                def write(data: bytes) -> None:
                    file.write(data)

                found = fetch(
                    url, write, limits=fetch_limits(), networks=settings.LINK_NETWORKS, on_progress=show
                )
        except FetchError as error:
            raise VideoError(error.code, _sentence(error.code), error.detail) from error
        except ServiceError as error:
            raise VideoError(error.code, str(error)) from error
        yield path.rename(path.with_suffix(harmless_suffix(found.name))), found


def _sentence(code: str) -> str:
    return str(scan_errors.get(code, scan_errors["link_failed"]))
