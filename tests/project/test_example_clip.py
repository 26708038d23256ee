"""The example's clip is what the program draws that is said to have drawn it."""

from __future__ import annotations

import av
import numpy as np

from ml_app.services.intake.example import CLIP
from tests.project.drawn.clip import FPS, SECONDS, SIZE, picture


def test_the_shipped_clip_was_drawn_by_the_program() -> None:
    with av.open(str(CLIP)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == SECONDS * FPS
    assert frames[0].shape == (SIZE[1], SIZE[0], 3)
    number = 31
    drawn = picture(number / FPS, fine=1).astype(float)  # edges are rougher than in the clip
    assert np.abs(drawn - frames[number]).mean() < 5
