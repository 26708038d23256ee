"""What is decoded to get at the wanted frames."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ml_app.detection.video.decoder.plan import Step, budget, plan

RATE = 25.0


def keyframes_every(seconds: float, times: list[float]) -> list[float]:
    return [time_s // seconds * seconds for time_s in times]


def cost(steps: list[Step]) -> float:
    """Frames that the steps decode."""
    frames, position = 0.0, 0.0
    for step in steps:
        position = position if step.keyframe_s is None else step.keyframe_s
        frames += (step.time_s - position) * RATE
        position = step.time_s
    return frames + len(steps)


def test_a_short_video_is_read_exactly_and_skips_what_lies_before_a_keyframe() -> None:
    times = [1.0, 3.0, 5.0, 7.0]
    steps, moved = plan(times, keyframes_every(2, times), RATE, 2000)
    assert not moved
    assert steps == [Step(1.0, 0.0), Step(3.0, 2.0), Step(5.0, 4.0), Step(7.0, 6.0)]


def test_a_small_gap_is_decoded_rather_than_jumped() -> None:
    steps, _ = plan([1.9, 2.1], [0.0, 2.0], RATE, 2000)
    assert steps == [Step(1.9, 0.0), Step(2.1, None)]


def test_an_hour_costs_what_a_short_video_costs() -> None:
    hour = [(i + 0.5) * 36 for i in range(100)]
    steps, moved = plan(hour, keyframes_every(10, hour), RATE, budget(1280, 720))
    assert moved
    assert cost(steps) < 300
    assert max(abs(step.time_s - time_s) for step, time_s in zip(steps, hour, strict=True)) <= 10


def test_a_burst_moves_as_one() -> None:
    burst = [179.92, 179.96, 180.0, 180.04]
    times = [time_s + 360 * group for group in range(10) for time_s in burst]
    steps, _ = plan(times, keyframes_every(10, times), RATE, 600)
    for start in range(0, 40, 4):
        places = [step.time_s for step in steps[start : start + 4]]
        assert all(0.03 < later - earlier < 0.05 for earlier, later in pairwise(places))


def test_frames_that_share_a_keyframe_are_drawn_together_within_the_budget() -> None:
    times = [i * 0.6 for i in range(1000)]
    steps, moved = plan(times, keyframes_every(60, times), RATE, 2000)
    assert moved
    assert cost(steps) < 3100
    assert len({step.time_s for step in steps}) == 1000


def test_a_frame_before_the_only_keyframe_in_reach_counts_as_moved() -> None:
    assert plan([5.0], [9.0], RATE, 2000) == ([Step(5.0, 9.0)], True)


@given(st.lists(st.floats(0, 7200), min_size=1, max_size=100), st.floats(0.04, 100), st.integers(600, 4000))
def test_plans_keep_count_and_order_and_stay_within_the_budget(
    times: list[float], gap: float, budget_frames: int
) -> None:
    times = sorted(times)
    steps, _ = plan(times, keyframes_every(gap, times), RATE, budget_frames)
    assert len(steps) == len(times)
    assert steps[0].keyframe_s is not None
    assert all(earlier.time_s <= later.time_s + 1e-6 for earlier, later in pairwise(steps))
    assert cost(steps) <= budget_frames + 20 * len(times) + 400
