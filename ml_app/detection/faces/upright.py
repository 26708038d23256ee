"""Which way up a frame is: HOG knows faces that stand and no others, so it is asked about one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import cv2
import numpy as np

from ml_app.detection.faces import crops
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.detect import NEAR_FACE, NEAR_SIDE, Located, detect
from ml_app.detection.findings import Box

TURNS = (90, 180, 270)
LEAST_FRAMES = 2  # that agree before a video is turned


def turn_of(image: Image, face: Located) -> int | None:
    """Degrees clockwise by which a frame must be turned for one of its faces to stand.

    Costs a few milliseconds where the face stands, and four times as much where it does not.

    Args:
        image: uint8 RGB (H, W, 3).
        face: Of a finder that finds faces at any angle.

    Returns:
        0, 90, 180 or 270; None where the face stands none of these ways.
    """
    part = _about(image, face.box)
    if _seen(part, 0) is not None:
        return 0
    scores = {turn: score for turn in TURNS if (score := _seen(part, turn)) is not None}
    return max(scores, key=scores.__getitem__, default=None)


def _seen(part: Image, turn: int) -> float | None:
    found = detect(np.ascontiguousarray(np.rot90(part, k=-turn // 90)))
    return max((one.score for one in found), default=None)


def agreed(turns: Iterable[int | None], least: int = LEAST_FRAMES) -> int:
    """The turn of a video by those of its frames, of which None say nothing: what most of them say.

    Args:
        turns: Of its frames.
        least: How many must agree.
    """
    said = [turn for turn in turns if turn is not None]
    for turn, times in Counter(said).most_common(1):
        if times >= least and 2 * times > len(said):
            return turn
    return 0


def _about(image: Image, box: Box) -> Image:
    side = max(box.width, box.height)
    reach = round(side * NEAR_SIDE / 2)
    across, down = (box.left + box.right) // 2, (box.top + box.bottom) // 2
    part = crops.crop(image, Box(across - reach, down - reach, across + reach, down + reach))
    size = round(NEAR_FACE * NEAR_SIDE)
    way = cv2.INTER_AREA if part.shape[0] > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (size, size), interpolation=way), np.uint8)
