"""Which moments are looked at."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.video.sampling import sample_times, snap_to_frames, times_between


def test_even_takes_the_middles_of_equal_parts() -> None:
    assert sample_times(Sampling("even"), 4, 8.0, 25.0) == (1.0, 3.0, 5.0, 7.0)


def test_every_frame_of_a_video_is_taken_once_where_it_has_just_as_many() -> None:
    times = sample_times(Sampling("even"), 50, 2.0, 25.0)
    assert snap_to_frames([i / 25 for i in range(50)], times) == list(range(50))


def test_bursts_are_neighbouring_frames_in_even_places() -> None:
    times = sample_times(Sampling("bursts", burst=4), 12, 30.0, 25.0)
    frames = [int(time_s * 25) for time_s in times]
    assert frames == [123, 124, 125, 126, 373, 374, 375, 376, 623, 624, 625, 626]


def test_the_last_burst_is_shorter_where_the_count_is_no_multiple() -> None:
    times = sample_times(Sampling("bursts", burst=4), 10, 30.0, 25.0)
    assert len(times) == 10
    assert times[9] - times[8] == pytest.approx(0.04)


def test_bursts_become_even_where_the_video_is_too_short_for_them() -> None:
    assert sample_times(Sampling("bursts", burst=4), 40, 1.0, 25.0) == sample_times(
        Sampling("even"), 40, 1.0, 25.0
    )


def test_first_is_the_start_of_the_file_whatever_its_length() -> None:
    assert sample_times(Sampling("first"), 3, 100.0, 10.0) == pytest.approx((0.05, 0.15, 0.25))


def test_no_frames_is_no_sample() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        sample_times(Sampling("even"), 0, 1.0, 25.0)


@given(
    st.sampled_from(
        [
            Sampling("even"),
            Sampling("bursts", burst=2),
            Sampling("bursts", burst=5),
            Sampling("bursts", burst=3, burst_step_s=0.08),
        ]
    ),
    st.integers(1, 120),
    st.floats(0.0, 20000.0),
    st.one_of(st.just(0.0), st.floats(0.1, 240.0)),
)
def test_times_rise_and_lie_in_the_video(
    sampling: Sampling, count: int, duration_s: float, frame_rate: float
) -> None:
    times = sample_times(sampling, count, duration_s, frame_rate)
    assert len(times) == count
    assert all(0 <= time_s <= duration_s for time_s in times)
    assert all(earlier <= later for earlier, later in pairwise(times))


def test_moments_on_one_long_frame_take_its_neighbours() -> None:
    frozen = [0.0, 0.1, 0.2, 9.0, 9.1, 9.2]
    assert snap_to_frames(frozen, [2.0, 4.0, 6.0, 8.0]) == [2, 3, 4, 5]


def test_a_moment_on_a_border_belongs_to_the_frame_that_begins_there() -> None:
    assert snap_to_frames([i / 25 for i in range(100)], [1.2 - 1e-12, 2.0]) == [30, 50]


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=60, unique=True),
    st.lists(st.floats(-1, 101), min_size=1, max_size=60),
)
def test_snapping_never_takes_a_frame_twice_nor_fewer_than_there_are(
    frames: list[float], times: list[float]
) -> None:
    chosen = snap_to_frames(sorted(frames), sorted(times))
    assert len(chosen) == min(len(frames), len(times))
    assert all(earlier < later for earlier, later in pairwise(chosen))
    assert 0 <= chosen[0] <= chosen[-1] < len(frames)


def test_further_moments_lie_where_somebody_was_seen() -> None:
    """Twenty seconds of black, then five of a person: two frames of ten show them."""
    times = [i * 2.5 + 1.24 for i in range(10)]
    more = times_between(times, [time_s > 20 for time_s in times], 8, 25.0, 25.0)
    assert len(more) == 8
    assert all(20 <= time_s < 25 for time_s in more)
    gaps = [later - earlier for earlier, later in pairwise(sorted([20.0, *times[-2:], *more, 25.0]))]
    assert max(gaps) < 0.6  # ten in five seconds


def test_there_are_no_further_moments_where_every_frame_was_looked_at() -> None:
    assert times_between([0.0, 0.04, 0.08], [True] * 3, 5, 0.12, 25.0) == ()
    assert times_between([0.0, 0.16], [True, False], 5, 0.2, 25.0) == pytest.approx((0.06,))


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.booleans()), min_size=1, max_size=40, unique_by=lambda x: x[0]
    ),
    st.integers(0, 60),
    st.one_of(st.just(0.0), st.floats(1.0, 120.0)),
)
def test_further_moments_are_frames_that_nobody_has_looked_at(
    looked: list[tuple[int, bool]], count: int, frame_rate: float
) -> None:
    looked.sort()
    step = 1 / (frame_rate or 25.0)
    times, shown = [number * step for number, _ in looked], [seen for _, seen in looked]
    more = times_between(times, shown, count, 401 * step, frame_rate)
    numbers = [int(time_s / step) for time_s in more]
    assert len(numbers) <= count
    assert sorted(set(numbers)) == numbers
    assert not set(numbers) & {number for number, _ in looked}
    for number in numbers:
        before = max((pair for pair in looked if pair[0] < number), default=(0, True))
        after = min((pair for pair in looked if pair[0] > number), default=(401, True))
        nearest = min(before, after, key=lambda pair: abs(pair[0] - number))
        assert nearest[1] or number - before[0] == after[0] - number


def test_the_more_moments_are_wanted_the_nearer_they_lie() -> None:
    times, shown = (10.0, 20.0, 30.0), (False, True, False)
    for count in (1, 2, 5, 50):
        more = times_between(times, shown, count, 40.0, 25.0)
        assert len(more) == count
        assert all(15 <= time_s < 25.1 for time_s in more)
        assert abs(sum(time_s < 20 for time_s in more) - count / 2) <= 1


def test_bursts_may_leave_frames_out() -> None:
    times = sample_times(Sampling("bursts", burst=3, burst_step_s=0.08), 6, 20.0, 25.0)
    assert [int(time_s * 25) for time_s in times] == [122, 124, 126, 372, 374, 376]
    slow = sample_times(Sampling("bursts", burst=3, burst_step_s=0.08), 6, 20.0, 5.0)
    assert [int(time_s * 5) for time_s in slow] == [24, 25, 26, 73, 74, 75]  # nearer there are none
