"""Self-blended images and augmentation."""

from __future__ import annotations

import numpy as np
import pytest

from ml_app.detection.crops import crop, landmark_square
from ml_app.training import blending
from ml_app.training.augment import Draw, apply, centre, draw
from ml_app.training.blending import face_mask, self_blend
from ml_app.training.landmarks import Landmarks, find_face_in_crop
from ml_app.training.store import STORED_SIDE, cut
from tests.media import Image
from tests.training.conftest import face_picture


@pytest.fixture(scope="module")
def face() -> tuple[Image, Landmarks]:
    image = face_picture(0)
    landmarks = find_face_in_crop(image)
    assert landmarks is not None
    return cut(image, landmarks)


def test_landmarks_lie_on_the_stored_face(face: tuple[Image, Landmarks]) -> None:
    image, landmarks = face
    assert image.shape == (STORED_SIDE, STORED_SIDE, 3)
    assert image.dtype == np.uint8
    size = landmarks.max(axis=0) - landmarks.min(axis=0)
    assert size.max() == pytest.approx(STORED_SIDE / 1.18, rel=0.03)
    assert landmarks.min() >= -1
    assert landmarks.max() <= STORED_SIDE + 1


@pytest.mark.parametrize("seed", range(8))
def test_a_pseudo_fake_differs_from_its_twin_inside_the_mask_only(
    face: tuple[Image, Landmarks], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = []

    def remember(*args: object) -> blending.Mask:
        masks.append(face_mask(*args))  # type: ignore[arg-type]
        return masks[-1]

    monkeypatch.setattr(blending, "face_mask", remember)
    real, fake = self_blend(*face, np.random.default_rng(seed))
    assert real.shape == fake.shape == face[0].shape
    assert real.dtype == fake.dtype == np.uint8
    (mask,) = masks
    assert mask.min() >= 0
    assert mask.max() == pytest.approx(1)
    assert np.array_equal(real[mask == 0], fake[mask == 0])
    assert np.abs(real.astype(int) - fake)[mask > 0.5].mean() > 0.5
    assert 0.02 < (mask > 0.5).mean() < 0.95


def test_a_pseudo_fake_is_decided_by_its_seed(face: tuple[Image, Landmarks]) -> None:
    first, again = (self_blend(*face, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not np.array_equal(first[1], self_blend(*face, np.random.default_rng(4))[1])


def test_one_draw_shows_two_faces_alike(face: tuple[Image, Landmarks]) -> None:
    for seed in range(6):
        chosen = draw(np.random.default_rng(seed), strength=2.0)
        shown = apply(face[0], chosen, 64)
        assert shown.shape == (64, 64, 3)
        assert shown.dtype == np.uint8
        assert np.array_equal(shown, apply(face[0].copy(), chosen, 64))


def test_without_strength_only_crop_and_mirroring_remain() -> None:
    for seed in range(20):
        chosen = draw(np.random.default_rng(seed), strength=0.0)
        assert Draw(chosen.margin, chosen.shift, chosen.mirrored, noise_seed=chosen.noise_seed) == chosen


def test_the_margin_is_that_of_serving(face: tuple[Image, Landmarks]) -> None:
    image = face_picture(0)
    landmarks = find_face_in_crop(image)
    assert landmarks is not None
    served = crop(image, landmark_square(landmarks, 1.1), 64).astype(float)
    stored = centre(face[0], 1.1, 64).astype(float)
    off = np.abs(served - stored).mean()
    for moved in (np.roll(stored, 1, axis=1), np.roll(stored, -1, axis=0), centre(face[0], 1.0, 64)):
        assert off < 0.6 * np.abs(served - moved).mean()
