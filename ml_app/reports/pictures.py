"""The kept pictures of a scan's faces: their hashes for the signed report, themselves for a PDF's pages."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models.fields.files import FieldFile

from ml_app.models import Face, FaceFrame, Scan


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame of a person on a page: addresses that carry the pictures in themselves (RFC 2397)."""

    frame: FaceFrame
    thumbnail: str  # JPEG, 112 by 112 pixels
    heatmap: str  # PNG to be laid over it, or empty


def picture_hashes(scan: Scan) -> list[dict[str, Any]]:
    """SHA-256 of every kept thumbnail and heatmap, by person and time. None: that one is not kept."""
    return list(_hashes(FaceFrame.objects.filter(face__scan=scan).select_related("face")))


def _hashes(frames: Any) -> Iterator[dict[str, Any]]:
    for frame in frames.order_by("face__number", "time_s", "pk").iterator(chunk_size=200):
        thumbnail, heatmap = (_read(file) for file in (frame.thumbnail, frame.heatmap))
        if thumbnail is not None or heatmap is not None:
            yield {
                "person": frame.face.number,
                "time_s": round(frame.time_s, 6),
                "thumbnail_sha256": _sha256(thumbnail),
                "heatmap_sha256": _sha256(heatmap),
            }


def most_telling(face: Face, count: int) -> list[Shown]:
    """A person's most telling frames whose thumbnails are kept: those with a heatmap first, then by score.

    Args:
        face: With its frames prefetched.
        count: How many at most.
    """
    frames: Sequence[FaceFrame] = sorted(
        (frame for frame in face.frames.all() if frame.thumbnail),
        key=lambda frame: (not frame.heatmap, -frame.fake_probability),
    )
    found = []
    for frame in frames[:count]:
        thumbnail = _read(frame.thumbnail)
        if thumbnail is not None:
            heatmap = _read(frame.heatmap)
            found.append(
                Shown(
                    frame,
                    _address("image/jpeg", thumbnail),
                    _address("image/png", heatmap) if heatmap else "",
                )
            )
    return found


def _read(file: FieldFile) -> bytes | None:
    if not file.name:
        return None
    try:
        with file.open("rb") as content:
            found: bytes = content.read()
            return found
    except OSError:  # purged meanwhile, or lost
        return None


def _sha256(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
