"""Draws the site's example: two people who do not exist look about, blink and talk.

.venv/bin/python -m tests.project.drawn.clip

Takes some minutes. Nothing of it was filmed or learned from pictures: see `people.py` for what the faces are.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import av
import numpy as np

from tests.media import Image
from tests.project.drawn.light import render
from tests.project.drawn.people import PEOPLE, pose_at
from tests.project.drawn.shapes import Array

PATH = Path(__file__).resolve().parents[3] / "ml_app" / "services" / "intake" / "example.mp4"
SIZE = (480, 270)
SECONDS, FPS = 5, 12
FINE = 2  # times as large while it is drawn, so that edges become smooth


def wall(width: int, height: int) -> Array:
    """What is behind the people, in linear light."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    fall = 1 - y / height
    tones = ((0.30, 0.10, 0.05), (0.31, 0.10, 0.04), (0.33, 0.08, 0.0))
    found = np.stack([low + high * fall + wave * np.sin(x / 97) for low, high, wave in tones], axis=-1)
    corners = (x / width - 0.5) ** 2 + (y / height - 0.5) ** 2
    return found * (1 - 0.25 * corners)[..., None]


def picture(time_s: float, size: tuple[int, int] = SIZE, fine: int = FINE) -> Image:
    """One frame, uint8 RGB (height, width, 3)."""
    width, height = size
    found, side = wall(width, height), int(height * 0.98)
    for number, person in enumerate(PEOPLE):
        drawn, covers = render(person, pose_at(time_s, number), side * fine)
        drawn = drawn.reshape(side, fine, side, fine, 3).mean(axis=(1, 3))
        covers = covers.reshape(side, fine, side, fine, 1).mean(axis=(1, 3))
        left = int(width * (0.27 + 0.46 * number) - side / 2 + 4 * math.sin(time_s * 0.8 + number))
        shown = slice(max(0, left), min(width, left + side))
        of_it = slice(shown.start - left, shown.stop - left)
        behind = found[height - side :, shown]
        found[height - side :, shown] = behind * (1 - covers[:, of_it]) + drawn[:, of_it]
    found = found * (1 + found * 0.05) / (1 + found * 0.45)
    grain = np.random.default_rng(round(time_s * 1000)).normal(0, 0.008, found.shape)
    encoded: Image = (np.clip(np.clip(found, 0, 1) ** (1 / 2.2) + grain, 0, 1) * 255).astype(np.uint8)
    return encoded


def draw(path: Path, seconds: float = SECONDS, size: tuple[int, int] = SIZE, fine: int = FINE) -> None:
    """Draw the clip, on all cores."""
    times = [number / FPS for number in range(round(seconds * FPS))]
    with ProcessPoolExecutor(os.cpu_count()) as pool, av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "24", "preset": "veryslow"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for frame in pool.map(partial(picture, size=size, fine=fine), times):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    draw(PATH)
    print(f"{PATH}: {PATH.stat().st_size // 1024} KB")  # noqa: T201
