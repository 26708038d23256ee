"""Self-blended images and clips, augmentation, re-encoding."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from ml_app.detection.faces.crops import crop, landmark_square
from ml_app.training.data.augmentation import Draw, apply, apply_clip, centre, draw
from ml_app.training.data.compression import recode
from ml_app.training.data.landmarks import Landmarks, find_face_in_crop
from ml_app.training.data.shards import STORED_SIDE
from ml_app.training.fakes.blended_clips import LEAST_RATIO, MANNERS, Manner, blend_clip, blends_of
from ml_app.training.fakes.blending import RATIOS, REGIONS, Blend, blend_by, draw_blend, face_mask, self_blend
from ml_app.training.fakes.photometric import PhotometricChange, apply_change, draw_change
from ml_app.training.fitting.classifier import FrameClassifier
from ml_app.training.fitting.sequences import embed_clips
from ml_app.training.recipe import Recipe
from tests.media import Image
from tests.training.conftest import face_picture


def drawn(seed: int) -> Blend:
    return draw_blend(np.random.default_rng(seed))


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
    face: tuple[Image, Landmarks], seed: int
) -> None:
    real, fake = self_blend(*face, np.random.default_rng(seed))
    mask = face_mask(face[0].shape[:2], face[1], drawn(seed))
    assert real.shape == fake.shape == face[0].shape
    assert real.dtype == fake.dtype == np.uint8
    assert mask.min() >= 0
    assert mask.max() == pytest.approx(1)
    assert np.array_equal(real[mask == 0], fake[mask == 0])
    assert np.abs(real.astype(int) - fake)[mask > 0.5].mean() > 0.5
    assert 0.02 < (mask > 0.5).mean() < 0.95


def test_a_pseudo_fake_is_decided_by_its_seed(face: tuple[Image, Landmarks]) -> None:
    first, again = (self_blend(*face, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not np.array_equal(first[1], self_blend(*face, np.random.default_rng(4))[1])


def test_all_ratios_regions_and_sides_of_the_look_are_drawn() -> None:
    blends = [drawn(seed) for seed in range(400)]
    assert {blend.ratio for blend in blends} == set(RATIOS)
    assert {blend.region for blend in blends} == set(range(len(REGIONS)))
    assert 0.4 < np.mean([blend.look_on_source for blend in blends]) < 0.6
    assert {blend.look.frequency for blend in blends} == {"", "sharpen", "shrink"}
    assert 0.3 < np.mean([blend.look.hue != 0 for blend in blends]) < 0.7
    assert all(0.95 <= side <= 1.05 for blend in blends for side in blend.scale)


@pytest.mark.parametrize("part", ["ratio", "region", "field", "softness", "look", "scale", "turn", "move"])
def test_every_part_of_a_blend_shows(face: tuple[Image, Landmarks], part: str) -> None:
    blend, other = replace(drawn(1), ratio=1.0, look_on_source=True), replace(drawn(2), ratio=0.25, region=3)
    changed = replace(blend, **{part: getattr(other, part)})
    assert not np.array_equal(blend_by(*face, blend)[1], blend_by(*face, changed)[1])


def test_the_mask_shrinks_with_its_first_filter_and_grows_with_its_second(
    face: tuple[Image, Landmarks],
) -> None:
    sizes = [
        float((face_mask(face[0].shape[:2], face[1], replace(drawn(0), softness=s)) > 0.1).mean())
        for s in ((0.04, 0.01), (0.01, 0.01), (0.01, 0.04))
    ]
    assert sizes == sorted(sizes)
    assert sizes[2] > 1.1 * sizes[0]


def test_each_change_of_look_changes_what_it_says() -> None:
    image = face_picture(0)
    assert np.array_equal(apply_change(image, PhotometricChange()), image)
    brighter = apply_change(image, PhotometricChange(brightness=20)).astype(int)
    assert brighter.mean() > image.mean() + 10
    red = apply_change(image, PhotometricChange(shift=(15, 0, 0))).astype(int) - image
    assert red[..., 0].mean() > 10 > abs(red[..., 1].mean()) + 5
    assert apply_change(image, PhotometricChange(contrast=0.8)).std() < 0.85 * image.std()
    grey = apply_change(image, PhotometricChange(saturation=0.7)).astype(int)
    assert np.ptp(grey, axis=2).mean() < 0.85 * np.ptp(image.astype(int), axis=2).mean()
    assert abs(apply_change(image, PhotometricChange(hue=30)).astype(int) - image).mean() > 2

    def detail(picture: Image) -> float:
        return float(np.abs(np.diff(picture.astype(int), axis=1)).mean())

    assert detail(apply_change(image, PhotometricChange(frequency="sharpen", amount=1.0))) > 1.2 * detail(
        image
    )
    assert detail(apply_change(image, PhotometricChange(frequency="shrink", amount=4.0))) < 0.8 * detail(
        image
    )
    assert {field.name for field in fields(PhotometricChange)} >= {"hue", "value"}
    assert draw_change(np.random.default_rng(0)) == draw_change(np.random.default_rng(0))


def unrest(clip: list[Image], twin: list[Image]) -> float:
    """How much the difference of a fake and its twin changes from frame to frame."""
    apart = np.stack(clip).astype(float) - np.stack(twin)
    return float(np.abs(np.diff(apart, axis=0)).mean())


def test_a_blended_clip_holds_still_drifts_or_flickers(face: tuple[Image, Landmarks]) -> None:
    image, landmarks = face
    found: dict[str, float] = {}
    ends: dict[str, float] = {}
    for manner in MANNERS:
        pairs = [
            blend_clip([image] * 24, [landmarks] * 24, np.random.default_rng(seed), manner)
            for seed in range(3)
        ]
        found[manner] = float(np.mean([unrest(fake, real) for real, fake in pairs]))
        ends[manner] = float(np.mean([np.abs(fake[0].astype(int) - fake[12]).mean() for _, fake in pairs]))
        for real, fake in pairs:
            assert len(real) == len(fake) == 24
            # The genuine twin of a still picture is still, whatever the fake does.
            assert all(np.array_equal(real[0], frame) for frame in real)
            assert np.abs(np.stack(real).astype(int) - np.stack(fake)).mean() > 0.2
    assert found["still"] == 0
    assert 0 < found["drift"] < 0.5 * found["flicker"]
    assert ends["drift"] > 0.5


@pytest.mark.parametrize("manner", MANNERS)
def test_the_blends_of_a_clip(manner: Manner) -> None:
    first = drawn(5)
    blends = blends_of(first, 60, np.random.default_rng(0), manner)
    assert len(blends) == 60
    assert {blend.region for blend in blends} == {first.region}
    moves = np.array([blend.move for blend in blends])
    if manner == "still":
        assert np.ptp(moves) <= np.ptp(first.move)
    elif manner == "drift":
        steps = np.abs(np.diff(moves, axis=0))
        assert steps.max() < 0.006
        assert {blend.ratio for blend in blends} == {first.ratio}
    else:
        assert moves.std(axis=0).min() > 0.004
        assert any(blend.ratio == 0 for blend in blends)
    assert 0 < LEAST_RATIO <= 1


def test_one_draw_shows_two_faces_alike(face: tuple[Image, Landmarks]) -> None:
    for seed in range(6):
        chosen = draw(np.random.default_rng(seed), strength=2.0, recoding=0.5)
        shown = apply(face[0], chosen, 64)
        assert shown.shape == (64, 64, 3)
        assert shown.dtype == np.uint8
        assert np.array_equal(shown, apply(face[0].copy(), chosen, 64))


def test_one_draw_shows_all_frames_of_a_clip_alike_but_for_their_grain(face: tuple[Image, Landmarks]) -> None:
    chosen = Draw(margin=1.1, brightness=10, jpeg=60, mirrored=True)
    clip = apply_clip([face[0]] * 3, chosen, 64)
    assert all(np.array_equal(frame, clip[0]) for frame in clip)
    grainy = apply_clip([face[0]] * 3, replace(chosen, noise=5.0), 64)
    assert not np.array_equal(grainy[0], grainy[1])


def test_without_strength_only_crop_and_mirroring_remain() -> None:
    for seed in range(20):
        chosen = draw(np.random.default_rng(seed), strength=0.0)
        assert Draw(chosen.margin, chosen.shift, chosen.mirrored, noise_seed=chosen.noise_seed) == chosen
        assert draw(np.random.default_rng(seed), strength=0.0, recoding=1.0).crf in range(20, 42)


def test_recoding_really_compresses_and_keeps_every_frame(face: tuple[Image, Landmarks]) -> None:
    image = face[0][:, :143]  # an odd side
    clip = [np.ascontiguousarray(np.roll(image, shift, axis=1)) for shift in range(10)]
    errors = []
    for crf in (20, 30, 41):
        again = recode(clip, crf)
        assert [frame.shape for frame in again] == [image.shape] * 10
        assert again[0].dtype == np.uint8
        errors.append(float(np.abs(np.stack(again).astype(int) - np.stack(clip)).mean()))
        # In its place and in its order: each frame is most like its own original.
        for number in (0, 4, 9):
            apart = [np.abs(again[number].astype(int) - frame).mean() for frame in clip]
            assert int(np.argmin(apart)) == number
    assert errors == sorted(errors)
    assert errors[0] > 0.3
    assert errors[2] > 1.5 * errors[0]
    assert recode([image], 30)[0].shape == image.shape


def test_the_margin_is_that_of_serving(face: tuple[Image, Landmarks]) -> None:
    image = face_picture(0)
    landmarks = find_face_in_crop(image)
    assert landmarks is not None
    served = crop(image, landmark_square(landmarks, 1.1), 64).astype(float)
    stored = centre(face[0], 1.1, 64).astype(float)
    off = np.abs(served - stored).mean()
    for moved in (np.roll(stored, 1, axis=1), np.roll(stored, -1, axis=0), centre(face[0], 1.0, 64)):
        assert off < 0.6 * np.abs(served - moved).mean()


def test_heads_get_pseudo_fakes_of_genuine_clips_beside_their_twins(
    prepared: Path, recipe: Recipe, tmp_path: Path
) -> None:
    recipe = replace(recipe, heads=replace(recipe.heads, blended=3, views=1), recoding=0.5)
    torch.manual_seed(0)
    model = FrameClassifier(recipe.backbone).eval()
    folders = [prepared / "clips/train"]
    views = embed_clips(model, folders, recipe, tmp_path)
    fakes = [view for view in views if view.generator == "self-blended"]
    assert len(fakes) == 3 * 2  # of two genuine clips
    assert all(view.fake for view in fakes)
    assert len(views) == 4 + 2 * len(fakes)
    genuine = {view.group for view in views if not view.fake}
    assert {view.group for view in fakes} == genuine
    twin = next(one for one, other in pairwise(views) if other is fakes[0])
    assert (twin.fake, twin.group) == (False, fakes[0].group)
    assert twin.embeddings.shape == fakes[0].embeddings.shape == (12, 16)
    assert not torch.allclose(twin.embeddings, fakes[0].embeddings)
    # The same again from the cache, and others for another model.
    kept = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}
    again = embed_clips(model, folders, recipe, tmp_path)
    assert all(torch.equal(one.embeddings, other.embeddings) for one, other in zip(views, again, strict=True))
    assert kept == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}
    embed_clips(FrameClassifier(recipe.backbone).eval(), folders, recipe, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
