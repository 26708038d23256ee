"""Where the faces are: while a video plays, for the script that draws them, and in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from ml_app.models import Face, Scan
from ml_app.web.charts import side_of
from ml_app.web.wording import percent

TEXT_SHARE = 0.04  # of a picture's longer side: the height of a number beside a face
NARROWEST, WIDEST = 0.12, 0.5  # seconds


def window_of(times: Sequence[float]) -> float:
    """For how many seconds before and after its moment a box is shown.

    Half the usual distance of two sampled frames, so that no box stands for a moment nearer to another one;
    never much, because a box says where a face was seen and not where it may have gone.
    """
    distances = sorted(b - a for a, b in pairwise(times) if b > a)
    usual = distances[len(distances) // 2] if distances else 0.0
    return round(min(max(usual / 2, NARROWEST), WIDEST), 3)


def boxes(scan: Scan, faces: Sequence[Face]) -> dict[str, Any] | None:
    """The sampled boxes of every person. None if nobody was seen or the picture's size is not known.

    Args:
        faces: The scan's, each with its frames prefetched in order of time.

    Returns:
        `width` and `height` of the upright frame in pixels, `window` in seconds, and `people`, each with
        `name` and `frames`: lists of time in seconds, left, top, right, bottom in pixels, the side of the
        threshold as in `charts.side_of`, and the score in words.
    """
    width, height = scan.video.width, scan.video.height
    times = sorted({frame.time_s for face in faces for frame in face.frames.all()})
    if not (times and width and height):
        return None
    return {
        "width": width,
        "height": height,
        "window": window_of(times),
        "people": [
            {
                "name": _("Person %(number)d") % {"number": face.number},
                "frames": [
                    [
                        round(frame.time_s, 3),
                        *(frame.left, frame.top, frame.right, frame.bottom),
                        side_of(scan, frame.fake_probability),
                        percent(frame.fake_probability),
                    ]
                    for frame in face.frames.all()
                ],
            }
            for face in faces
        ],
    }


@dataclass(frozen=True, slots=True)
class FaceMark:
    """A face's box in a picture, and where its person's number stands; all in pixels of the picture."""

    number: int
    left: int
    top: int
    width: int
    height: int
    text_y: int
    text_size: int


def face_marks(scan: Scan, faces: Sequence[Face]) -> tuple[FaceMark, ...]:
    """The faces of a picture."""
    size = round(TEXT_SHARE * max(scan.video.width or 0, scan.video.height or 0))
    return tuple(
        FaceMark(
            face.number,
            *(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top),
            text_y=max(size, frame.top - size // 4),
            text_size=size,
        )
        for face in faces
        for frame in face.frames.all()
    )
