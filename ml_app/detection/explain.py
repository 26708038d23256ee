"""Heatmaps: which frames tell most, and a picture of where in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.track import Seen

if TYPE_CHECKING:
    from ml_app.detection.runtime.detector import Detector

TELLING_FRAMES = 3
_OPACITY = 0.75  # of the hottest place; the face must stay visible under it


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
    detector: Detector, seen: Sequence[Seen], logits: Sequence[float], embeddings: npt.NDArray[np.float32]
) -> dict[int, bytes]:
    """Layers of one person's most telling frames, by position; equal colours mean equal activations.

    Args:
        detector: That scored the person.
        seen: The sightings, in order of time.
        logits: Of each.
        embeddings: float32 (T, channels), of each.
    """
    chosen = most_telling(logits, [one.time_s for one in seen])
    maps = detector.activations(embeddings, [seen[i].sighting.crop for i in chosen], chosen)
    strongest = max(float(activation.max()) for activation in maps)
    return {
        i: render(activation, strongest, seen[i].sighting.thumbnail_size)
        for i, activation in zip(chosen, maps, strict=True)
    }
