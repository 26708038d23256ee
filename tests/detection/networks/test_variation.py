"""How much a face varies over time is measured within windows of time, whatever the video's length."""

from __future__ import annotations

import numpy as np
import pytest

from ml_app.detection.networks.variation import FLOOR, LEAST_FRAMES, WINDOW, variation

RNG = np.random.default_rng(5)
TEXTURE = RNG.normal(0, [1.0, 0.1, 0.0], (40, 3)).astype(np.float32)
EMBEDDINGS = np.concatenate([RNG.normal(0, 9, (40, 6)).astype(np.float32), TEXTURE], axis=1)


def test_it_is_the_logarithm_of_the_deviation_of_the_last_channels() -> None:
    found = variation(EMBEDDINGS, list(np.linspace(0, 3, 40)), 3)
    assert found is not None
    assert found == pytest.approx(np.log(TEXTURE.std(axis=0) + FLOOR), abs=1e-5)
    assert found[2] == pytest.approx(np.log(FLOOR), abs=1e-5)


def test_a_change_between_two_windows_is_none_within_them() -> None:
    later = EMBEDDINGS.copy()
    later[20:, -3:] += 100
    times = [*np.linspace(0, 2, 20), *np.linspace(60, 62, 20)]
    still, moved = (variation(embeddings, times, 3) for embeddings in (EMBEDDINGS, later))
    assert still is not None
    assert still == pytest.approx(moved, abs=1e-4)


def test_frames_too_few_or_too_far_apart_tell_nothing() -> None:
    assert variation(EMBEDDINGS[: LEAST_FRAMES - 1], [0.1 * i for i in range(LEAST_FRAMES - 1)], 3) is None
    assert variation(EMBEDDINGS, [WINDOW / (LEAST_FRAMES - 1) * 1.01 * i for i in range(40)], 3) is None
    assert variation(EMBEDDINGS[:1], [0.0], 3) is None
