"""Where the file of a video came from, in the words of programs."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from ml_app.fetching.fetch import Fetched
from ml_app.models import Origin, Video


def note_origin(*, video: Video, url: str, found: Fetched) -> None:
    """A file that was just fetched from a link."""
    Origin.objects.create(video=video, url=url, fetched_at=timezone.now(), **what_was_found(found))


def what_was_found(found: Fetched) -> dict[str, Any]:
    """The columns that a fetched file fills."""
    return {"found_url": found.url, "title": found.title, "uploader": found.uploader}


def origin_json(video: Video) -> dict[str, Any] | None:
    """The latest, for programs; None for an upload."""
    origin = video.origins.last()
    if origin is None:
        return None
    return {
        "url": origin.url,
        "found_url": origin.found_url or None,
        "title": origin.title or None,
        "uploader": origin.uploader or None,
        "fetched_at": origin.fetched_at.isoformat() if origin.fetched_at else None,
    }
