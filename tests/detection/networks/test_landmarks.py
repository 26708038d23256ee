"""How landmarks become movement, and movement a timeline."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch

from ml_app.detection.networks.landmark_head_numpy import LandmarkScorer, NumpyLandmarkHead
from ml_app.detection.networks.landmark_motion import (
    CHANNELS,
    LEAST_STEPS,
    SERIES,
    Motion,
    align,
    count_steps,
    runs,
    steps,
    strands,
)
from tests.detection.landmark_faces import CONFIG, face, motion, random_head

TIMES = [i * 0.08 for i in range(30)]


@pytest.fixture(scope="module")
def scorer() -> LandmarkScorer:
    weights = {name: tensor.numpy() for name, tensor in random_head().state_dict().items()}
    return LandmarkScorer(motion(), NumpyLandmarkHead(weights, asdict(CONFIG)))


def test_frames_that_are_too_near_go_into_strands_of_their_own() -> None:
    times = [i * 0.04 for i in range(6)]
    assert strands(times, list(range(6))) == [[0, 2, 4], [1, 3, 5]]
    assert strands(TIMES, list(range(30))) == [list(range(30))]
    assert count_steps(times) == 4


def test_one_frame_that_comes_early_takes_nothing_from_the_others() -> None:
    times = [0.0, 0.08, 0.12, 0.2, 0.28, 0.36]
    assert strands(times, list(range(6))) == [[0, 1], [2, 3, 4, 5]]


def test_a_gap_begins_a_new_run() -> None:
    times = [0.0, 0.08, 0.16, 0.52, 0.6, 2.0]
    assert runs(times) == [[0, 1, 2], [3, 4], [5]]
    assert count_steps(times) == 3


def test_steps_are_the_same_wherever_the_face_is_and_however_large_and_turned() -> None:
    points = face(TIMES)
    angle = 0.6
    turned = 2.5 * points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + 70
    found = [steps(*align(p, motion().mean_shape), TIMES, motion().modes) for p in (points, turned)]
    assert found[0].speeds.shape == (29, SERIES)
    assert np.allclose(found[0].speeds, found[1].speeds, atol=1e-5)
    assert np.allclose(found[0].directions, found[1].directions, atol=1e-3)


def test_a_face_that_moves_twice_as_fast_has_twice_the_speed() -> None:
    points = face(TIMES, noise=0)
    one, other = (
        steps(*align(points, motion().mean_shape), times, motion().modes)
        for times in (TIMES, [time_s / 2 for time_s in TIMES])
    )
    assert np.allclose(2 * one.speeds, other.speeds, rtol=1e-4)


def test_points_on_one_spot_are_no_error() -> None:
    shapes, turned = align(np.zeros((6, 68, 2)), motion().mean_shape)
    assert np.isfinite(steps(shapes, turned, TIMES[:6], motion().modes).speeds).all()


def test_numpy_says_what_torch_says() -> None:
    head = random_head()
    weights = {name: tensor.numpy() for name, tensor in head.state_dict().items()}
    own = NumpyLandmarkHead(weights, asdict(CONFIG))
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(3, 12, CHANNELS)).astype(np.float32)
    summary = rng.normal(size=(3, CONFIG.summary)).astype(np.float32)
    lengths = [12, 7, 1]
    with torch.inference_mode():
        theirs = head(torch.from_numpy(inputs), torch.tensor(lengths), torch.from_numpy(summary)).numpy()
    for row, length in enumerate(lengths):
        mine = own.moments(inputs[row, :length]) + own.whole(summary[row])
        assert np.allclose(mine, theirs[row, :length], atol=1e-5)
        assert not theirs[row, length:].any()


def test_every_frame_has_a_share_and_a_lonely_one_that_of_the_others(scorer: LandmarkScorer) -> None:
    times = [*TIMES[:12], 5.0]
    logits = scorer.frames(face(times), times)
    assert logits.shape == (13,)
    assert len(set(logits[:12].tolist())) == 12
    assert logits[12] == pytest.approx(logits[:12].mean(), abs=1e-6)


def test_what_lies_beyond_a_gap_moves_nothing(scorer: LandmarkScorer) -> None:
    times = [*TIMES[:10], *(10 + time_s for time_s in TIMES[:10])]
    points = face(times)
    elsewhere = points.copy()
    elsewhere[10:] += 500  # the camera has moved meanwhile
    assert np.allclose(scorer.frames(points, times), scorer.frames(elsewhere, times), atol=1e-4)


def test_too_few_steps_say_nothing(scorer: LandmarkScorer) -> None:
    times = TIMES[:LEAST_STEPS]  # one step less than frames
    assert not scorer.frames(face(times), times).any()
    assert not scorer.points(face(times), times, 1).any()
    assert scorer.frames(face(TIMES[: LEAST_STEPS + 1]), TIMES[: LEAST_STEPS + 1]).all()


def test_the_point_that_trembles_is_the_one_that_tells() -> None:
    head = random_head()
    for tensor in head.state_dict().values():
        tensor.zero_()
    with torch.no_grad():
        head.step.weight[0, :SERIES] = 1.0  # what is fast is suspicious
    weights = {name: tensor.numpy() for name, tensor in head.state_dict().items()}
    scorer = LandmarkScorer(motion(), NumpyLandmarkHead(weights, asdict(CONFIG)))
    points = face(TIMES, noise=0.02)
    points[14:17:2, 54] += 6  # a corner of the mouth
    points[15, 54] -= 6
    told = scorer.points(points, TIMES, 15)
    assert int(told.argmax()) == 54
    assert told[54] > 0


def test_weights_that_do_not_fit_are_refused() -> None:
    weights = {name: tensor.numpy() for name, tensor in random_head().state_dict().items()}
    with pytest.raises(ValueError, match="the weights are"):
        NumpyLandmarkHead(weights, asdict(CONFIG) | {"hidden": 7})
    with pytest.raises(ValueError, match="the weights are"):
        Motion.of({"mean_shape": np.zeros((68, 2))})
