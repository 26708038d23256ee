"""Facts of a clip from frame to frame: blinks, repeats, cuts and the mouth, and what they are worth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.temporal_facts import auc_over_origins, cell, groups, table, told_of, weighted_auc
from benchmarks.timelines import (
    FACTS,
    Timeline,
    blinks,
    eye_aspect_ratio,
    facts_of,
    mouth_aspect_ratio,
)
from ml_app.training.evaluation.figures import Bootstrap
from ml_app.training.evaluation.table import LabelledClip
from tests.detection.landmark_faces import shape
from tests.media import Image, make_clip, picture

RATE = 25
TIMES = np.arange(75) / RATE


def face(*, eyes: float = 1.0, lips: float = 1.0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """float32 (68, 2): a face of 100 px, its eyes and inner lips open by so much of their height."""
    points = shape() * 100
    for part, share in ((slice(36, 42), eyes), (slice(42, 48), eyes), (slice(60, 68), lips)):
        middle = points[part, 1].mean()
        points[part, 1] = middle + share * (points[part, 1] - middle)
    return points.astype(np.float32)


def timeline(closed: tuple[int, ...] = (), opened: tuple[int, ...] = ()) -> Timeline:
    """Three seconds of a face that nearly closes its eyes in some frames and opens its mouth in some."""
    points = [face(eyes=0.2 if at in closed else 1.0, lips=3.0 if at in opened else 1.0) for at in range(75)]
    return Timeline(TIMES, np.full(74, 2.0), np.arange(75), np.stack(points), np.full(74, 3.0))


def test_aspect_ratios_are_heights_over_widths_whatever_the_size_and_turn() -> None:
    upright = face()
    turned = upright @ np.array([[0.0, 1.0], [-1.0, 0.0]], dtype=np.float32) * 3 + 50
    for ratio in (eye_aspect_ratio, mouth_aspect_ratio):
        assert ratio(turned) == pytest.approx(ratio(upright), rel=1e-5)
    # Lids of an ellipse at a third of its width from either corner: sin 60° of the height.
    assert eye_aspect_ratio(upright) == pytest.approx(0.08 / 0.2 * np.sin(np.pi / 3), rel=1e-5)
    assert eye_aspect_ratio(face(eyes=0.5)) == pytest.approx(eye_aspect_ratio(upright) / 2, rel=1e-5)
    assert mouth_aspect_ratio(face(lips=2)) == pytest.approx(2 * mouth_aspect_ratio(upright), rel=1e-5)


def test_a_blink_is_a_short_time_of_closed_eyes_between_open_ones() -> None:
    openness = np.full(75, 0.3)
    openness[[10, 11, 12]] = 0.1  # a blink of 0.12 s
    openness[30] = 0.1  # one frame: noise
    openness[40:60] = 0.1  # 0.8 s: the eyes are shut
    openness[73:] = 0.1  # nobody knows for how long
    assert blinks(openness, TIMES) == [(pytest.approx(0.4), pytest.approx(0.52))]
    shallow = openness.copy()
    shallow[[10, 11, 12]] = 0.25  # above three quarters of the open eye
    assert blinks(shallow, TIMES) == []


def test_facts_of_a_face_that_blinks_and_talks() -> None:
    told = facts_of(timeline(closed=(25, 26, 27), opened=tuple(range(0, 75, 2))))
    assert set(told) == set(FACTS)
    assert told["blinks_per_second"] == pytest.approx(1 / 2.96)
    assert told["longest_without_blink_s"] == pytest.approx(74 / RATE - 28 / RATE)
    assert told["mouth_opening"] > 10 * facts_of(timeline())["mouth_opening"] >= 0
    assert (told["abrupt_changes_per_second"], told["largest_change"]) == (0, pytest.approx(1))
    assert (told["seconds"], told["frame_rate"]) == (pytest.approx(2.96), pytest.approx(25))
    assert facts_of(timeline())["longest_without_blink_s"] == pytest.approx(2.96)


def test_cuts_and_repeats_are_told_from_the_usual_change() -> None:
    known = timeline()
    changed, face_changed = known.changed.copy(), known.face_changed.copy()
    changed[[3, 9, 15]] = 0.01
    face_changed[40] = 30.0
    face_changed[41] = np.nan  # no frame without the person is compared
    told = facts_of(replace(known, changed=changed, face_changed=face_changed))
    assert told["repeated_frames"] == pytest.approx(3 / 74)
    assert told["abrupt_changes_per_second"] == pytest.approx(1 / 2.96)
    assert told["largest_change"] == pytest.approx(10)
    still = facts_of(replace(known, changed=np.full(74, 0.05)))
    assert still["repeated_frames"] == 0


def test_nothing_is_told_of_a_person_who_is_lost_or_seen_too_shortly() -> None:
    known = timeline()
    lost = np.r_[0:30, 45:75]
    gaps = replace(known, places=lost, points=known.points[lost], face_changed=known.face_changed[:59])
    short = replace(known, places=np.arange(20), points=known.points[:20], face_changed=np.full(19, 3.0))
    slow = replace(known, times=known.times * 3)
    for one in (gaps, short, slow):
        told = facts_of(one)
        assert np.isnan([told["blinks_per_second"], told["mouth_opening"], told["largest_change"]]).all()
        assert told["repeated_frames"] == 0  # a fact about the file, whoever is in it


def clip(name: str, *, fake: bool, origin: str, family: str = "") -> LabelledClip:
    return LabelledClip(name, Path(name), fake, "dev", family, origin=origin)


def test_what_a_file_shows_is_read_and_kept(tmp_path: Path) -> None:
    def draw(time_s: float) -> Image:
        frame = round(time_s * RATE)
        moment = 1.0 if frame in (10, 11) else frame / RATE  # frame 11 repeats frame 10
        image = picture(moment)
        image[:40, :80] = 0  # the stamp of the time, which would differ
        return 255 - image if frame >= 20 else image  # a cut

    path = make_clip(tmp_path / "cut.mp4", seconds=1.4, fps=RATE, draw=draw, options={"qp": "0"})
    known = LabelledClip("cut.mp4", path, fake=True)
    told = told_of(known, tmp_path)
    assert told["repeated_frames"] == pytest.approx(1 / 34)
    kept = next(tmp_path.glob("*.npz"))
    assert Timeline.load(kept).changed.argmax() == 19
    path.unlink()
    assert told_of(known, tmp_path) == pytest.approx(told, nan_ok=True)  # from what was kept
    assert np.isnan(list(told_of(LabelledClip("gone.mp4", path, fake=True), None).values())).all()


def test_areas_of_resamples_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, fakes = rng.integers(0, 4, 40).astype(float), rng.random(40) < 0.4
    weights = rng.multinomial(40, np.full(40, 1 / 40), size=5)
    expected = [roc_auc_score(fakes, scores, sample_weight=drawn) for drawn in weights]
    assert weighted_auc(scores, fakes, weights) == pytest.approx(expected)


def test_intervals_are_over_origins_and_the_table_marks_what_leaves_chance_out() -> None:
    # Within each of 20 origins all clips are alike; over clips the interval would be far narrower.
    rng = np.random.default_rng(1)
    told = []
    for number in range(20):
        value = rng.normal() + (number % 2) * 0.8
        name = {"fake": bool(number % 2), "origin": f"page {number}", "family": "swap" if number % 2 else ""}
        facts = dict.fromkeys(FACTS, float("nan")) | {"mouth_opening": value, "seconds": float(number % 2)}
        told += [(clip(f"{number}-{i}.mp4", **name), facts) for i in range(30)]  # type: ignore[arg-type]
    found = auc_over_origins(told, "mouth_opening", Bootstrap(400))
    apart = [(replace(one, origin=one.file), facts) for one, facts in told]
    over_clips = auc_over_origins(apart, "mouth_opening", Bootstrap(400))
    assert found["value"] == over_clips["value"]
    assert found["high"] - found["low"] > 3 * (over_clips["high"] - over_clips["low"])
    assert list(groups(told)) == ["all", "swap"]
    lines = list(table({"dev": told}, Bootstrap(50)))
    assert len({line.count("|") for line in lines}) == 1
    row = next(line for line in lines if "length of the clip" in line)
    assert row.endswith("| all | 100 % | **1.00 (1.00 to 1.00)** |")
    assert "| all | 0 % |  |" in lines[2]  # blinks could be told of none
    assert cell({"value": 0.6, "low": 0.49, "high": 0.7, "n": 9}) == "0.60 (0.49 to 0.70)"
    assert cell({"value": 0.4, "low": 0.3, "high": 0.49, "n": 9}).startswith("**")
