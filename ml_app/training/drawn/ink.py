"""Photographed faces as pencils, pens and printing screens would show them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image
from ml_app.training.drawn.painting import Pixels, to_image

Colour = npt.NDArray[np.float32]  # (3,), RGB, 0..255


def lines(grey: npt.NDArray[np.uint8], rng: np.random.Generator, width: float) -> Pixels:
    """Lines of a pen: extended differences of Gaussians (Winnemöller et al., 2012).

    Args:
        grey: uint8 (H, W).
        rng: Decides how many lines there are.
        width: Of a line, as the finer Gaussian's sigma in pixels.

    Returns:
        float32 (H, W), 0 on a line and 1 on the paper.
    """
    shown = grey.astype(np.float32) / 255
    sharp = rng.uniform(12, 22)
    fine, broad = cv2.GaussianBlur(shown, (0, 0), width), cv2.GaussianBlur(shown, (0, 0), width * 1.6)
    edges = (1 + sharp) * fine - sharp * broad
    level = float(np.quantile(edges, rng.uniform(0.12, 0.25)))
    return np.where(edges >= level, 1.0, 1 + np.tanh(12 * (edges - level))).astype(np.float32)


def pen(image: Image, rng: np.random.Generator) -> Image:
    """Black or coloured lines on paper, dark places filled in."""
    grey = cv2.bilateralFilter(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 7, 40, 4)
    return _printed(lines(np.asarray(grey, dtype=np.uint8), rng, rng.uniform(0.9, 1.8)), rng)


def pencil(image: Image, rng: np.random.Generator, *, coloured: bool) -> Image:
    """Strokes of graphite or of coloured pencils: what differs from its surroundings, with a grain."""
    side = image.shape[0]
    shown = image if coloured else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    pixels = shown.reshape(*image.shape[:2], -1).astype(np.float32)
    around = cv2.GaussianBlur(pixels, (0, 0), side * rng.uniform(0.02, 0.05)).reshape(pixels.shape)
    drawn = np.minimum(255 * (pixels + 4) / (around + 4), 255)
    drawn = 255 - (255 - drawn) * rng.uniform(1.2, 2.2)
    shading = rng.uniform(0.0, 0.35)
    drawn = drawn * (1 - shading) + pixels * shading + 20 * shading
    angle = rng.uniform(0, np.pi)
    noise = rng.normal(0, 1, image.shape[:2]).astype(np.float32)
    grain = cv2.filter2D(noise, -1, _stroke(9, angle))
    drawn = drawn + (grain / grain.std() * rng.uniform(6, 16))[..., None] * (260 - drawn) / 128
    return to_image(np.broadcast_to(drawn, image.shape))


def _stroke(length: int, angle: float) -> Pixels:
    kernel = np.zeros((length, length), dtype=np.float32)
    middle = (length - 1) / 2
    along = np.array([np.cos(angle), np.sin(angle)]) * middle
    start, end = np.rint(middle - along).astype(int), np.rint(middle + along).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def halftone(image: Image, rng: np.random.Generator) -> Image:
    """Dots of a printing screen, of one ink or of three."""
    period, softness = rng.uniform(4.0, 7.0), rng.uniform(4, 10)
    angle = rng.uniform(0, np.pi / 2)
    if rng.random() < 0.5:
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)).astype(np.float32) / 255
        dots = _screen(grey.shape, period, angle)
        paper = 1 / (1 + np.exp(-softness * (grey - dots)))
        return _printed(np.asarray(paper, dtype=np.float32), rng)
    pixels = image.astype(np.float32) / 255
    screens = [_screen(image.shape[:2], period, angle + turn) for turn in (0.0, 0.52, 1.05)]
    return to_image(255 / (1 + np.exp(-softness * (pixels - np.stack(screens, axis=-1)))))


def hatching(image: Image, rng: np.random.Generator) -> Image:
    """Parallel lines, crossed where it is darker, and an outline."""
    grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    soft = cv2.GaussianBlur(grey, (0, 0), 1.5).astype(np.float32) / 255
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float32)
    paper = lines(np.asarray(grey, dtype=np.uint8), rng, 1.0)
    angle, period = rng.uniform(0, np.pi), rng.uniform(4.0, 6.5)
    for number, level in enumerate((0.75, 0.5, 0.25)):
        turned = angle + number * np.pi / 3
        wobble = 0.8 * np.sin((x * np.sin(turned) - y * np.cos(turned)) / 17)
        wave = 0.5 + 0.5 * np.sin(2 * np.pi * (x * np.cos(turned) + y * np.sin(turned) + wobble) / period)
        paper = np.minimum(paper, np.where(soft < level, np.clip((wave - 0.25) * 4, 0, 1), 1)).astype(
            np.float32
        )
    return _printed(paper, rng)


def _screen(shape: tuple[int, ...], period: float, angle: float) -> Pixels:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32) * np.float32(2 * np.pi / period)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return np.asarray(0.5 + 0.24 * (np.cos(along) + np.cos(across)), dtype=np.float32)


def _printed(paper: Pixels, rng: np.random.Generator) -> Image:
    """Ink on paper, mostly black on white, else of two drawn colours."""
    ink, ground = np.zeros(3, np.float32), np.full(3, 255, np.float32)
    if rng.random() < 0.5:
        ink, ground = rng.uniform(0, 90, 3).astype(np.float32), rng.uniform(170, 255, 3).astype(np.float32)
    return to_image(ink + (ground - ink) * paper[..., None])
