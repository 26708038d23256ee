"""The usual finder of faces: BlazeFace, on copies of the frame as small as its faces allow.

It looks at a whole copy at once, so that many faces cost no more than one. The weights are MediaPipe's model
for back cameras (Google, Apache 2.0), in `blazeface.safetensors`; docs/performance.md has what it is compared
with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image, halved
from ml_app.detection.faces.detect import SAME, Located, moved_to, overlap, without_doubles
from ml_app.detection.findings import Box
from ml_app.detection.networks.blazeface_onnx import OUTPUTS, PICTURE, STRIDES, VALUES, blazeface_graph

SIDES = (256, 512)  # long sides of the copies that are searched, from coarse to fine
SMALLEST = 12.0  # pixels on a copy: a face of this size is found
MAX_GROWTH = 2.0  # small frames are enlarged for the search, this much at most
NEAR_FACE = 28.0  # pixels that the smallest known face is given where faces are followed from frame to frame
NEAR_LEAST = 128  # the long side of the smallest copy
THRESHOLD = 0.5  # of the logit; faces have 2 to 4, most of what is none less than 1
SCORE = 0.4  # of a logit: puts it on the scale of HOG, 0 the threshold and 1 a clear face
_GRID = 32  # sides of what the network is given are multiples of it
_UP = 0.03  # of the box's side: so much lower than HOG's is the network's box, on 31 clips; sides are equal
_RIGHT_EYE, _LEFT_EYE = 2, 3  # of a person, among the places of an anchor
_WEIGHTS = Path(__file__).with_name("blazeface.safetensors")

Array = npt.NDArray[np.float32]


class BlazeFace:
    """Finds faces from a twentieth of the frame's longer side up, at any angle."""

    def everywhere(self, image: Image, first: int, last: int) -> list[Located]:
        """Search the whole frame on the copies up to `first`, and up to `last` while nobody is found.

        Args:
            image: uint8 RGB (H, W, 3).
            first, last: Of `SIDES`; beyond its end they mean its last.
        """
        first, last = min(first, len(SIDES) - 1), min(last, len(SIDES) - 1)
        located: list[Located] = []
        for level in range(last + 1):  # the finer copy may miss a face that fills it
            if level > first and located:
                break
            located += search(image, SIDES[level])
        return without_doubles(located)

    def near(self, image: Image, expected: Sequence[Located]) -> list[Located] | None:
        """Search a frame whose faces are expected to be those of a moment before, on a copy just fine enough.

        Returns:
            The faces; None if one that was clear is no longer where it was.
        """
        smallest = min(max(face.box.width, face.box.height) for face in expected)
        wanted = max(image.shape[:2]) * NEAR_FACE / max(1, smallest)
        side = min(SIDES[-1], max(NEAR_LEAST, int(-(-wanted // _GRID)) * _GRID))
        located = without_doubles(search(image, side))
        lost = any(not any(moved_to(face.box, found.box) for found in located) for face in expected)
        return None if lost else located

    def needed_level(self, box: Box, longest: int) -> int:
        """Which of `SIDES` it takes to find a face of this size in a frame whose longer side is `longest`."""
        side = max(box.width, box.height)
        levels = range(len(SIDES))
        return next((i for i in levels if side * SIDES[i] / longest >= SMALLEST), len(SIDES) - 1)

    def warm_up(self) -> None:
        """Load the network."""
        _network()


def search(image: Image, side: int) -> list[Located]:
    """The faces that one copy of a picture shows.

    Args:
        image: uint8 RGB (H, W, 3).
        side: Of the copy, the longer one in pixels.
    """
    height, width = image.shape[:2]
    factor = min(side / max(height, width), MAX_GROWTH)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    picture = np.zeros((-(-size[1] // _GRID) * _GRID, -(-size[0] // _GRID) * _GRID, 3), np.uint8)
    picture[: size[1], : size[0]] = cv2.resize(halved(image, side), size, interpolation=interpolation)
    outputs = _network().run(OUTPUTS, {PICTURE: picture[None]})
    parts = [
        _decoded(outputs[2 * layer][0], outputs[2 * layer + 1][0], stride)
        for layer, stride in enumerate(STRIDES)
    ]
    logits, places = (np.concatenate(kind) for kind in zip(*parts, strict=True))
    return [_located(logit, place / factor) for logit, place in _together(logits, places)]


def _decoded(logits: Array, places: Array, stride: int) -> tuple[Array, Array]:
    """One layer's anchors above the threshold.

    Returns:
        Logits (N,), places (N, 8, 2) as x, y in pixels of the copy; the second is the box's size.
    """
    anchors, height, width = logits.shape
    chosen = np.nonzero(logits > THRESHOLD)
    found = places.reshape(anchors, VALUES, height, width)[chosen[0], :, chosen[1], chosen[2]]
    found = found.reshape(-1, VALUES // 2, 2)
    cells = (np.stack([chosen[2], chosen[1]], axis=-1) + 0.5) * stride
    found[:, [0, *range(2, VALUES // 2)]] += cells[:, None]
    return logits[chosen], found


def _together(logits: Array, places: Array) -> list[tuple[float, Array]]:
    """One place for each face: the mean of the boxes about it by their probability, as MediaPipe does it."""
    left = list(np.argsort(-logits))
    faces = []
    while left:
        best = _box(places[left[0]])
        mine = [i for i in left if overlap(best, _box(places[i])) >= SAME] or left[:1]
        weights = 1 / (1 + np.exp(-logits[mine]))
        faces.append((float(logits[left[0]]), np.average(places[mine], axis=0, weights=weights)))
        left = [i for i in left if i not in mine]
    return faces


def _box(place: Array) -> Box:
    (x, y), (width, height) = place[0], place[1]
    return Box(round(x - width / 2), round(y - height / 2), round(x + width / 2), round(y + height / 2))


def _located(logit: float, place: Array) -> Located:
    (x, y), side = place[0], float(place[1].mean())
    y -= _UP * side
    half = side / 2
    box = Box(round(x - half), round(y - half), round(x + half), round(y + half))
    across, down = place[_LEFT_EYE] - place[_RIGHT_EYE]
    return Located(box, (logit - THRESHOLD) * SCORE, math.degrees(math.atan2(down, across)))


@cache
def _network() -> Any:
    """The network, loaded once in each process; on one thread, so that the process can be forked."""
    import onnxruntime  # noqa: PLC0415 - only where faces are looked for
    from safetensors.numpy import load_file  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    graph = blazeface_graph(load_file(_WEIGHTS))
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
