"""Every code has words, and drawings put their marks where they belong."""

import pytest
from django.utils import translation

from ml_app.detection.findings import Evidence, Reason, Stage, Verdict
from ml_app.models import Face, Scan
from ml_app.web import charts, wording
from ml_app.web.listings import faces_of


def test_every_code_has_words() -> None:
    assert {reason.value for reason in Reason} - {""} == set(wording.REASONS)
    assert [stage.value for stage in Stage] == list(wording.STAGES)
    for verdict in Verdict:
        for evidence in Evidence:
            assert str(wording.headline(Face(verdict=verdict.value, evidence=evidence.value)))


def test_no_headline_claims_certainty() -> None:
    for evidence in Evidence:
        words = str(wording.headline(Face(verdict="fake", evidence=evidence.value))).lower()
        assert "evidence of manipulation" in words


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.0, "<\u00a01\u00a0%"),
        (0.004, "<\u00a01\u00a0%"),
        (0.5, "50\u00a0%"),
        (0.9951, ">\u00a099\u00a0%"),
        (1.0, ">\u00a099\u00a0%"),
    ],
)
def test_percent_never_reaches_the_ends(probability: float, words: str) -> None:
    assert wording.percent(probability) == words


@pytest.mark.parametrize(
    ("value", "is_share", "english", "german"),
    [
        (0.549, False, "0.55", "0,55"),
        (0.0, False, "0.00", "0,00"),
        (0.079, True, "8\u00a0%", "8\u00a0%"),
    ],
)
def test_measured_figures_are_rounded_and_in_the_readers_language(
    value: float, is_share: bool, english: str, german: str
) -> None:
    assert wording.measured(value, is_share=is_share) == english
    with translation.override("de"):
        assert wording.measured(value, is_share=is_share) == german


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0:00.0"), (59.96, "1:00.0"), (725, "12:05.0"), (3723.44, "1:02:03.4")]
)
def test_clock(seconds: float, words: str) -> None:
    assert wording.clock(seconds) == words


def test_the_timeline_of_a_scan(done: Scan) -> None:
    timeline = charts.timeline(done, faces_of(done))
    assert timeline is not None
    assert [len(lane.points) for lane in timeline.lanes] == [10, 4]
    first = timeline.lanes[0].points[0]
    assert first.x == f"{first.frame.time_s / 8 * 100:.2f}%"
    for lane in timeline.lanes:
        assert sum(point.is_top for point in lane.points) == 1
        for point in lane.points:
            assert charts.PLOT_TOP <= point.y <= charts.PLOT_TOP + charts.PLOT_HEIGHT
            probability = point.frame.fake_probability
            expected = "above" if probability >= 0.6 else "below" if probability < 0.4 else "band"
            assert point.side == expected
    assert [tick.label for tick in timeline.ticks] == ["0:00", "0:02", "0:04", "0:06", "0:08"]


def test_a_scan_without_persons_has_no_timeline(done: Scan) -> None:
    assert charts.timeline(done, []) is None


def test_a_note_says_how_many_people_were_left_out() -> None:
    assert str(wording.note("more_people:1")).startswith("One more person is in the picture")
    assert str(wording.note("more_people:5")).startswith("5 more people are in the picture")
    assert str(wording.note("more_people")).startswith("There are more people")
    with translation.override("de"):
        assert str(wording.note("more_people:5")).startswith("5 Menschen mehr sind im Bild")


def test_a_note_says_which_way_a_video_lay() -> None:
    assert "on its side" in str(wording.note("turned:270"))
    assert "upside down" in str(wording.note("turned:180"))


def test_a_note_says_how_frames_were_chosen() -> None:
    assert "one more frame was taken from there" in str(wording.note("looked_again:1"))
    assert "8 more frames were taken from there" in str(wording.note("looked_again:8"))
    with translation.override("de"):
        assert "8 weitere Bilder von dort" in str(wording.note("looked_again:8"))
