"""Several detectors on one search for faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ml_app.detection import summary
from ml_app.detection.checkpoints.metadata import (
    Calibration,
    Decision,
    PictureMeasurement,
    Preprocessing,
    Sampling,
)
from ml_app.detection.checkpoints.sharing import can_share
from ml_app.detection.errors import CheckpointError
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.findings import Findings, Reason, Verdict
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from tests.detection.conftest import PREPROCESSING, write_detector
from tests.detection.landmark_faces import write_landmark_detector
from tests.media import Clips, picture

BURSTS = Sampling("bursts", 5, 0.08)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Detector]:
    """The tiny detector, a landmark detector, one that reads neighbours, and one that cuts otherwise."""
    folder = write_detector(tmp_path_factory.mktemp("several"), "tiny", (10,))
    write_landmark_detector(folder, "points", (10,))
    write_detector(folder, "bursts", (10,), sampling=BURSTS)
    write_detector(folder, "wide", (10,), preprocessing=replace(PREPROCESSING, margin=2.0))
    return {name: Detector.load(folder, name, 10, "cpu") for name in ("tiny", "points", "bursts", "wide")}


def _alone(findings: Findings) -> Findings:
    return replace(findings, opinions=(), seconds=findings.seconds.__class__())


def test_others_change_nothing_of_the_scans_own_finding(
    clips: Clips, several: dict[str, Detector], pool: FacePool
) -> None:
    clip = clips(seconds=3, people=2, size=(640, 240))
    others = [several["bursts"], several["points"]]
    together = analyse(clip, several["tiny"], frames=10, others=others, pool=pool)
    assert _alone(together) == _alone(analyse(clip, several["tiny"], frames=10, pool=pool))
    assert [opinion.detector.name for opinion in together.opinions] == ["bursts", "points"]
    for opinion in together.opinions:
        assert [face.id for face in opinion.faces] == [1, 2]
        assert opinion.frames_analysed == 10


def test_an_opinion_is_what_the_detector_says_by_itself(
    clips: Clips, several: dict[str, Detector], pool: FacePool
) -> None:
    """At its own frames; where faces are looked for after others, boxes may differ a little."""
    clip = clips(seconds=3)
    for main, other in (("tiny", "bursts"), ("bursts", "tiny")):
        (opinion,) = analyse(clip, several[main], frames=10, others=[several[other]], pool=pool).opinions
        alone = analyse(clip, several[other], frames=10, pool=pool)
        (mine,), (theirs,) = opinion.faces, alone.faces
        assert [frame.time_s for frame in mine.frames] == [frame.time_s for frame in theirs.frames]
        assert mine.fake_probability == pytest.approx(theirs.fake_probability, abs=0.05)
        assert mine.frames[0].thumbnail == b""
        assert opinion.threshold == alone.threshold


def test_who_samples_alike_reads_the_same_frames(
    clips: Clips, several: dict[str, Detector], pool: FacePool
) -> None:
    clip, main = clips(seconds=2), several["tiny"]
    findings = analyse(clip, main, frames=10, others=[main], pool=pool)
    (opinion,) = findings.opinions
    assert opinion.fake_probability == findings.fake_probability
    assert opinion.frames_analysed == findings.frames_analysed == 10


def test_a_picture_is_judged_by_those_alone_that_were_measured_on_pictures(
    tmp_path: Path, several: dict[str, Detector], pool: FacePool
) -> None:
    main = several["tiny"]
    measured = Detector(
        head=replace(main.metadata, pictures=_measured()), sha256="", network=main.network, frames=10
    )
    path = tmp_path / "face.png"
    Image.fromarray(picture(0.0)).save(path)
    first, second = analyse(path, measured, frames=10, others=[main, measured], pool=pool).opinions
    assert (first.verdict, first.reason) == (Verdict.NOT_ANALYSABLE, Reason.PICTURES_NOT_MEASURED)
    assert second.fake_probability is not None


def _measured() -> PictureMeasurement:
    return PictureMeasurement(Calibration(), Decision())


def test_detectors_that_cut_otherwise_are_refused(
    clips: Clips, several: dict[str, Detector], pool: FacePool
) -> None:
    with pytest.raises(CheckpointError, match="cut faces out differently"):
        analyse(clips(seconds=1), several["tiny"], frames=10, others=[several["wide"]], pool=pool)
    assert not can_share([Preprocessing(64, 1.2), Preprocessing(96, 1.2)])
    assert can_share([Preprocessing(64, 1.2), Preprocessing(0, 1.2, reads="landmarks")])


def test_opinions_are_told_in_json_and_in_words(
    clips: Clips, several: dict[str, Detector], pool: FacePool
) -> None:
    findings = analyse(clips(seconds=2), several["tiny"], frames=10, others=[several["bursts"]], pool=pool)
    (told,) = summary.to_json("a.mp4", None, findings)["opinions"]
    assert told["detector"]["name"] == "bursts"
    assert told["faces"][0]["id"] == 1
    assert told["faces"][0]["verdict"] == told["verdict"]
    assert "bursts 1 says: " in summary.to_text("a.mp4", findings)
