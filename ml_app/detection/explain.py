"""Which frames tell most, and a picture of where in them: heatmaps, or the landmarks that moved oddly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import landmark_square
from ml_app.detection.faces.track import Seen

if TYPE_CHECKING:
    from ml_app.detection.runtime.detector import Detector

TELLING_FRAMES = 3
_OPACITY = 0.75  # of the hottest place; the face must stay visible under it
_FINE = 16  # parts of a pixel that points are drawn by
_SMALLEST, _LARGEST = 0.8, 4.5  # radius of a point that says nothing, and of the one that says most, pixels


def most_telling(logits: Sequence[float], times: Sequence[float], count: int = TELLING_FRAMES) -> list[int]:
    """Choose the frames with the highest scores, not all of one moment.

    Args:
        logits: Score of each frame; higher means more suspicious.
        times: When each frame is shown, seconds, ascending.
        count: How many to choose at most.

    Returns:
        Positions, ascending. Frames nearer to a chosen one than a tenth of the whole time are passed over
        as long as others are left.
    """
    by_score = sorted(range(len(logits)), key=lambda i: -logits[i])
    apart = (times[-1] - times[0]) / 10 if times else 0.0
    chosen: list[int] = []
    for i in by_score:
        if len(chosen) < count and all(abs(times[i] - times[j]) >= apart for j in chosen):
            chosen.append(i)
    chosen += [i for i in by_score if i not in chosen][: max(0, count - len(chosen))]
    return sorted(chosen)


def render(activation: npt.NDArray[np.float32], strongest: float, size: tuple[int, int]) -> bytes:
    """Paint an activation map as a layer to lie over a thumbnail.

    Args:
        activation: float32 (h, w), 0 or more, of the whole cut that the thumbnail shows.
        strongest: The value that is painted at full strength, so that frames can be compared.
        size: Width and height of the thumbnail in pixels.

    Returns:
        PNG, RGBA, of that size. Hue and lightness after viridis, which colour-blind readers can tell apart;
        clear where the activation is nothing.
    """
    share = activation / strongest if strongest > 0 else np.zeros_like(activation)
    # Cell centres of the map fall on the centres of their areas: cv2 resizes so, and so does the crop.
    level = np.clip(cv2.resize(share.astype(np.float32), size, interpolation=cv2.INTER_CUBIC), 0.0, 1.0)
    painted = cv2.applyColorMap((level * 255).round().astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    alpha = (level * _OPACITY * 255).round().astype(np.uint8)
    _, data = cv2.imencode(".png", np.dstack([painted, alpha]))
    return data.tobytes()


def heatmaps(
    detector: Detector,
    seen: Sequence[Seen],
    logits: Sequence[float],
    embeddings: npt.NDArray[np.float32],
    *,
    margin: float | None = None,
) -> dict[int, bytes]:
    """Layers of one person's most telling frames, by position; equal colours mean equal activations.

    Of a detector that reads landmarks they show the points whose movement speaks for FAKE.

    Args:
        detector: That scored the person.
        seen: The sightings, in order of time.
        logits: Of each.
        embeddings: float32 (T, channels), of each.
        margin: Of the thumbnails' cuts, where it is not the detector's own.
    """
    chosen = most_telling(logits, [one.time_s for one in seen])
    if detector.preprocessing.reads == "landmarks":
        margin = detector.preprocessing.margin if margin is None else margin
        return _odd_points(detector, seen, embeddings, chosen, margin=margin)
    maps = detector.activations(embeddings, [seen[i].sighting.crop for i in chosen], chosen)
    strongest = max(float(activation.max()) for activation in maps)
    return {
        i: render(activation, strongest, seen[i].sighting.thumbnail_size)
        for i, activation in zip(chosen, maps, strict=True)
    }


def render_points(
    places: npt.NDArray[np.floating], shares: npt.NDArray[np.floating], size: tuple[int, int]
) -> bytes:
    """Draw landmarks as a layer to lie over a thumbnail, the larger and brighter the more they say.

    Args:
        places: float (N, 2), x and y in pixels of the thumbnail.
        shares: float (N,), 0..1, of the strongest point of all frames.
        size: Width and height of the thumbnail in pixels.

    Returns:
        PNG, RGBA, of that size; colours as in `render`. Every point is drawn, so that one sees what was read.
    """
    width, height = size
    colours = cv2.applyColorMap((shares * 255).round().astype(np.uint8)[:, None], cv2.COLORMAP_VIRIDIS)[:, 0]
    layer = np.zeros((height, width, 4), dtype=np.uint8)
    for index in np.argsort(shares):  # what says most lies on top
        radius = _SMALLEST + (_LARGEST - _SMALLEST) * float(shares[index])
        alpha = round((0.4 + 0.6 * float(shares[index])) * 255)
        centre = tuple(round(float(value) * _FINE) for value in places[index])
        colour = (*(int(value) for value in colours[index]), alpha)
        cv2.circle(
            layer, centre, round(radius * _FINE), colour, cv2.FILLED, cv2.LINE_8, _FINE.bit_length() - 1
        )
    _, data = cv2.imencode(".png", layer)
    return data.tobytes()


def _odd_points(
    detector: Detector,
    seen: Sequence[Seen],
    embeddings: npt.NDArray[np.float32],
    chosen: Sequence[int],
    *,
    margin: float,
) -> dict[int, bytes]:
    odd = detector.odd_points(embeddings, [one.time_s for one in seen], chosen)
    strongest = max(float(points.max()) for points in odd)
    layers = {}
    for place, points in zip(chosen, odd, strict=True):
        sighting = seen[place].sighting
        cut = landmark_square(sighting.landmarks, margin)
        factor = np.array(sighting.thumbnail_size) / (cut.width, cut.height)
        shares = points / strongest if strongest > 0 else points
        layers[place] = render_points(
            (sighting.landmarks - (cut.left, cut.top)) * factor, shares, sighting.thumbnail_size
        )
    return layers
