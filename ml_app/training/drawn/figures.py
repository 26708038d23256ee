"""Faces that are drawn anew where a photograph has its landmarks, as comics, avatars and anime show them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image
from ml_app.training.data.landmarks import Landmarks
from ml_app.training.drawn.ink import lines
from ml_app.training.drawn.painting import Pixels, flat_colours, saturate, smooth, to_image

JAW, BROWS, NOSE = slice(0, 17), (slice(17, 22), slice(22, 27)), slice(27, 36)
EYES, LIPS = (slice(36, 42), slice(42, 48)), slice(48, 60)
SHIFT = 3  # bits of a pixel's fraction in OpenCV's drawing


def cartoon(image: Image, rng: np.random.Generator) -> Image:
    """Few flat colours within dark outlines."""
    calm = smooth(image, 4, rng)
    flat = saturate(flat_colours(calm, int(rng.integers(5, 12)), rng), rng.uniform(1.0, 1.8))
    grey = np.asarray(cv2.cvtColor(calm, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return to_image(flat * lines(grey, rng, rng.uniform(0.9, 1.6))[..., None])


def anime(image: Image, landmarks: Landmarks, rng: np.random.Generator) -> Image:
    """Large eyes, small mouth and nose, skin without texture, light in few steps, clear colours."""
    moved = image
    for eye in EYES:
        moved = _bulged(moved, landmarks[eye], rng.uniform(1.35, 1.8), 1.5)
    moved = _bulged(moved, landmarks[LIPS], rng.uniform(0.6, 0.85), 1.4)
    calm = smooth(moved, 5, rng)
    lab = cv2.cvtColor(calm, cv2.COLOR_RGB2LAB).astype(np.float32)
    steps = rng.integers(4, 7)
    level = lab[..., 0] / 255 * steps
    stepped = (np.floor(level) + 1 / (1 + np.exp(-14 * (level % 1 - 0.5)))) / steps * 255
    lab[..., 0] = cv2.GaussianBlur(stepped, (0, 0), 0.8)
    lab[..., 1:] = cv2.GaussianBlur(lab[..., 1:], (0, 0), 4.0)
    found = np.asarray(cv2.cvtColor(to_image(lab), cv2.COLOR_LAB2RGB), dtype=np.uint8)
    grey = np.asarray(cv2.cvtColor(calm, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    strength = rng.uniform(0.3, 0.9)
    outlined = (
        saturate(found, rng.uniform(1.1, 1.7)) * (1 - strength * (1 - lines(grey, rng, 1.0)))[..., None]
    )
    return to_image(255 * (outlined / 255) ** rng.uniform(0.7, 1.0))


def _bulged(image: Image, points: Landmarks, factor: float, reach: float) -> Image:
    """Enlarge (or shrink) what lies about some points, ever less towards `reach` times their extent."""
    middle = points.mean(axis=0)
    radius = max(4.0, float(np.ptp(points, axis=0).max())) * reach
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    apart = np.hypot(x - middle[0], y - middle[1]) / radius
    share = np.clip(1 - apart, 0, 1)
    share = share * share * (3 - 2 * share)
    scale = (1 + (1 / factor - 1) * share).astype(np.float32)
    across, down = middle[0] + (x - middle[0]) * scale, middle[1] + (y - middle[1]) * scale
    moved = cv2.remap(
        image,
        across.astype(np.float32),
        down.astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, dtype=np.uint8)


def figure(image: Image, landmarks: Landmarks, rng: np.random.Generator) -> Image:
    """A face of flat shapes alone, of which nothing is taken from the photograph but its landmarks."""
    sheet, skin = _Sheet(image.shape[0], rng), _skin(rng)
    hair = rng.uniform(0, 255, 3) if rng.random() < 0.3 else rng.uniform(0.1, 0.8) * np.array([200, 140, 90])
    jaw = landmarks[JAW]
    top = landmarks[BROWS[0]].mean(axis=0) * 0.5 + landmarks[BROWS[1]].mean(axis=0) * 0.5
    up = (top - jaw[8]) * rng.uniform(0.35, 0.6)
    head = _head(jaw, top + up)
    middle = head.mean(axis=0)
    sheet.fill(middle + (head - middle) * rng.uniform(1.15, 1.4) + up * 0.15, hair)
    down = jaw[8] - top
    sheet.fill(np.array([jaw[5], jaw[11], jaw[11] + down, jaw[5] + down]), skin * 0.85)  # the neck
    sheet.fill(head, skin)
    crown = head[len(jaw) :]
    fringe = crown + np.array([0, 1]) * np.abs(up[1]) * rng.uniform(0.3, 0.9)
    sheet.fill(np.vstack([crown, fringe[::-1]]), hair)
    for brow in BROWS:
        sheet.stroke(landmarks[brow], hair * 0.6, rng.uniform(0.012, 0.03))
    iris = rng.uniform(20, 200, 3)
    for eye in EYES:
        _eye(sheet, landmarks[eye], iris, rng)
    sheet.stroke(landmarks[NOSE][[3, 4, 6, 8] if rng.random() < 0.5 else [0, 3, 6]], skin * 0.7, 0.01)
    lips = landmarks[LIPS]
    if rng.random() < 0.5:
        sheet.fill(lips, np.clip(skin * np.array([0.95, 0.55, 0.55]), 0, 255))
    else:
        sheet.stroke(lips[:7], skin * 0.45, 0.012)
    return sheet.finished()


def _head(jaw: npt.NDArray[Any], top: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The outline of a head: the jaw a little wider, from ear to ear, and back over `top`."""
    wide = jaw + (jaw - jaw.mean(axis=0)) * 0.04
    ears = (wide[0] + wide[16]) / 2
    across = wide[::-1][[2, 5, 8, 11, 14]] * np.array([1.0, 0.0]) + np.array([0.0, 1.0]) * ears[1]
    arch = np.sin(np.linspace(0.35, np.pi - 0.35, 5))[:, None] * (top - ears)
    return np.vstack([wide, across + arch])


def _eye(sheet: _Sheet, eye: npt.NDArray[Any], iris: npt.NDArray[Any], rng: np.random.Generator) -> None:
    middle = eye.mean(axis=0)
    large = middle + (eye - middle) * np.array([1.1, rng.uniform(1.2, 2.2)])
    width = float(np.ptp(eye, axis=0)[0])
    sheet.fill(large, np.full(3, 248.0))
    sheet.dot(middle, width * rng.uniform(0.26, 0.36), iris)
    sheet.dot(middle, width * 0.14, np.full(3, 15.0))
    sheet.dot(middle + width * np.array([-0.08, -0.1]), width * 0.07, np.full(3, 255.0))
    sheet.stroke(large[:4], np.full(3, 30.0), 0.012)


def _skin(rng: np.random.Generator) -> npt.NDArray[Any]:
    light = rng.uniform(0.35, 1.0)
    return np.array([250.0, 205.0 - 25 * rng.random(), 170.0 - 35 * rng.random()]) * light


class _Sheet:
    """What a figure is drawn on: four times as large as it will be seen, so that edges are smooth."""

    def __init__(self, side: int, rng: np.random.Generator) -> None:
        self.side, self.rng = side, rng
        self.outline = float(rng.choice([0.0, rng.uniform(0.006, 0.016)]))
        ground = np.broadcast_to(rng.uniform(60, 255, 3), (side * 2, side * 2, 3))
        self.canvas = np.ascontiguousarray(ground, dtype=np.uint8)

    def fill(self, points: npt.NDArray[Any], colour: npt.NDArray[Any]) -> None:
        corners = self._fixed(points)
        cv2.fillPoly(self.canvas, [corners], np.clip(colour, 0, 255).tolist(), cv2.LINE_AA, SHIFT)
        if self.outline:
            cv2.polylines(
                self.canvas, [corners], True, [20, 16, 16], self._pixels(self.outline), cv2.LINE_AA, SHIFT
            )

    def stroke(self, points: npt.NDArray[Any], colour: npt.NDArray[Any], width: float) -> None:
        tone = np.clip(colour, 0, 255).tolist()
        cv2.polylines(
            self.canvas, [self._fixed(points)], False, tone, self._pixels(width), cv2.LINE_AA, SHIFT
        )

    def dot(self, middle: npt.NDArray[Any], radius: float, colour: npt.NDArray[Any]) -> None:
        place = self._fixed(middle[None])[0]
        size = max(1, round(radius * 2 * (1 << SHIFT)))
        cv2.circle(
            self.canvas, place.tolist(), size, np.clip(colour, 0, 255).tolist(), -1, cv2.LINE_AA, SHIFT
        )

    def finished(self) -> Image:
        """The sheet at its size; half of them shaded as if light fell from above or from a side."""
        size = (self.side, self.side)
        shown: Pixels = cv2.resize(self.canvas, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        if self.rng.random() < 0.5:
            y, x = np.mgrid[: self.side, : self.side] / self.side - 0.5
            turn, depth = self.rng.uniform(0, 2 * np.pi), self.rng.uniform(0.15, 0.6)
            shown = shown * (1 - depth * (x * np.cos(turn) + y * np.sin(turn)))[..., None].astype(np.float32)
        return to_image(shown)

    def _fixed(self, points: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
        return np.asarray(np.rint(points * 2 * (1 << SHIFT)), dtype=np.int32)

    def _pixels(self, share: float) -> int:
        return max(1, round(share * self.side * 2))
