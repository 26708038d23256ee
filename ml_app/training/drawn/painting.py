"""Photographed faces as brushes, quantised colours and flat shapes would show them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image

Pixels = npt.NDArray[np.float32]


def to_image(pixels: npt.NDArray[Any]) -> Image:
    """Round and clip to uint8."""
    return np.asarray(np.clip(np.rint(pixels), 0, 255), dtype=np.uint8)


def smooth(image: Image, times: int, rng: np.random.Generator) -> Image:
    """Take texture off and leave edges, by repeated bilateral filters."""
    for _ in range(times):
        image = np.asarray(cv2.bilateralFilter(image, 9, rng.uniform(25, 45), 5.0), dtype=np.uint8)
    return image


def saturate(image: Image, factor: float) -> Image:
    """Multiply the distance of each colour from its grey."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    return to_image(grey + (image - grey) * factor)


def flat_colours(image: Image, count: int, rng: np.random.Generator) -> Image:
    """Leave so many colours, those of k-means (MacQueen, 1967) in Lab."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float32)
    sample = lab[rng.choice(len(lab), min(3000, len(lab)), replace=False)]
    cv2.setRNGSeed(int(rng.integers(2**31)))
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    centres = cv2.kmeans(sample, count, np.empty(0, dtype=np.int32), stop, 1, cv2.KMEANS_PP_CENTERS)[2]
    nearest = ((lab[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    flat = to_image(centres[nearest].reshape(image.shape))
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_LAB2RGB), dtype=np.uint8)


def oil(image: Image, radius: int) -> Image:
    """Give each place the mean colour of the calmest of the four squares about it (Kuwahara, 1976)."""
    pixels, size = image.astype(np.float32), (radius + 1, radius + 1)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    means, spreads = [], []
    for right in (0, radius):
        for down in (0, radius):
            anchor = (right, down)
            mean = cv2.blur(grey, size, anchor=anchor)
            means.append(cv2.blur(pixels, size, anchor=anchor))
            spreads.append(cv2.blur(grey * grey, size, anchor=anchor) - mean * mean)
    calmest = np.argmin(np.stack(spreads), axis=0)
    return to_image(np.take_along_axis(np.stack(means), calmest[None, ..., None], axis=0)[0])


def strokes(image: Image, rng: np.random.Generator) -> Image:
    """Paint with brushes, the broad ones first, along the edges (after Hertzmann, SIGGRAPH 1998)."""
    side = image.shape[0]
    canvas = cv2.GaussianBlur(image, (0, 0), side / 12)
    for width in (side // 9, side // 16, side // 26):
        wanted = cv2.GaussianBlur(image, (0, 0), max(1.0, width / 2))
        grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 3.0).astype(np.float32)
        across = np.arctan2(cv2.Sobel(grey, cv2.CV_32F, 0, 1), cv2.Sobel(grey, cv2.CV_32F, 1, 0))
        difference = np.abs(wanted.astype(np.int16) - canvas).sum(axis=2)
        step = max(2, width // 2)
        places = [(y, x) for y in range(0, side, step) for x in range(0, image.shape[1], step)]
        for number in rng.permutation(len(places)):
            y, x = places[number]
            if difference[y, x] < 40:
                continue
            angle = across[y, x] + np.pi / 2 + rng.normal(0, 0.2)
            half = np.array([np.cos(angle), np.sin(angle)]) * width * rng.uniform(0.8, 2.0)
            middle = np.array([x, y])
            start, end = np.rint(middle - half).astype(int), np.rint(middle + half).astype(int)
            colour = np.clip(wanted[y, x] + rng.normal(0, 7, 3), 0, 255)
            cv2.line(canvas, start.tolist(), end.tolist(), colour.tolist(), max(1, width // 2), cv2.LINE_AA)
    return np.asarray(canvas, dtype=np.uint8)


def watercolour(image: Image, rng: np.random.Generator) -> Image:
    """Pale washes that are darker at their rims, on paper with a grain."""
    washes = flat_colours(smooth(image, 4, rng), int(rng.integers(7, 12)), rng)
    washes = cv2.medianBlur(washes, 7).astype(np.float32)
    grey = cv2.cvtColor(to_image(washes), cv2.COLOR_RGB2GRAY)
    rims = cv2.GaussianBlur(cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3))), (0, 0), 1.0)
    grain, cloud = (_mottled(grey.shape, sigma, rng) for sigma in (1.2, 12.0))
    light = 1 + 0.06 * grain + 0.10 * cloud
    pale = 255 - (255 - cv2.GaussianBlur(washes, (0, 0), 1.0)) * rng.uniform(0.55, 0.85)
    return to_image(pale * light[..., None] - rims[..., None] * rng.uniform(0.5, 1.0))


def _mottled(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> Pixels:
    """Noise of some coarseness, of mean 0 and deviation 1."""
    noise = np.asarray(cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), sigma))
    return np.asarray(noise / noise.std(), dtype=np.float32)


def polygons(image: Image, rng: np.random.Generator) -> Image:
    """Flat triangles between points that lie mostly on edges (Delaunay, 1934)."""
    side = image.shape[0]
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    edges = cv2.Canny(grey, 30, 80).astype(np.float64).ravel() + 2.0
    count = int(rng.integers(250, 700))
    chosen = rng.choice(edges.size, count, replace=False, p=edges / edges.sum())
    division = cv2.Subdiv2D((0, 0, side, side))
    corners = [(0, 0), (side - 1, 0), (0, side - 1), (side - 1, side - 1)]
    for x, y in corners + [(int(place % side), int(place // side)) for place in chosen]:
        division.insert((float(x), float(y)))
    found = cv2.GaussianBlur(image, (0, 0), 1.5)
    canvas = image.copy()
    for triangle in np.asarray(division.getTriangleList()).reshape(-1, 3, 2):
        if triangle.min() < 0 or triangle.max() >= side:
            continue
        inside = np.vstack([triangle, triangle.mean(axis=0)[None]]).astype(int)
        colour = found[inside[:, 1], inside[:, 0]].astype(np.float64)
        colour = (colour[:3].mean(axis=0) + 2 * colour[3]) / 3
        cv2.fillConvexPoly(canvas, np.rint(triangle).astype(np.int32), colour.tolist(), cv2.LINE_AA)
    return canvas
