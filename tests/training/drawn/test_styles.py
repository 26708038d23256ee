"""Photographed faces, drawn."""

from __future__ import annotations

import numpy as np
import pytest

from ml_app.training.data.landmarks import Landmarks
from ml_app.training.drawn.styles import STYLES
from tests.media import Image


@pytest.mark.parametrize("style", STYLES)
def test_a_drawing_is_another_picture_of_the_same_size(style: str, face: tuple[Image, Landmarks]) -> None:
    image, landmarks = face
    before = image.copy()
    drawn = STYLES[style](image, landmarks, np.random.default_rng(3))
    again = STYLES[style](image, landmarks, np.random.default_rng(3))
    other = STYLES[style](image, landmarks, np.random.default_rng(4))
    assert (drawn.shape, drawn.dtype) == (image.shape, np.uint8)
    assert np.array_equal(drawn, again)
    assert not np.array_equal(drawn, other)
    assert np.array_equal(image, before)
    assert np.abs(drawn.astype(int) - image).mean() > 4


def test_flat_colours_are_few(face: tuple[Image, Landmarks]) -> None:
    drawn = STYLES["flat colours"](*face, np.random.default_rng(1))
    assert 3 <= len(np.unique(drawn.reshape(-1, 3), axis=0)) < 8


def test_a_figure_takes_nothing_but_landmarks_from_the_photograph(face: tuple[Image, Landmarks]) -> None:
    image, landmarks = face
    drawn, blank = (
        STYLES["figure"](one, landmarks, np.random.default_rng(2)) for one in (image, np.zeros_like(image))
    )
    assert np.array_equal(drawn, blank)
