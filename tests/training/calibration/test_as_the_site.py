"""A clip has one figure: `calibrate` fits on the scores that `analyse` gives and `evaluate` measures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.findings import Verdict
from ml_app.detection.networks.backbones import BACKBONES, BackboneSpec
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.verdict import calibrated
from ml_app.training.calibration.calibrate import score_clips
from ml_app.training.calibration.served_faces import serve_clip
from ml_app.training.data.items import Clip
from ml_app.training.data.shards import Face
from ml_app.training.evaluation.cache import Cache
from ml_app.training.evaluation.judging import Judge
from ml_app.training.evaluation.table import LabelledClip
from tests.detection.conftest import CHANNELS, tiny_backbone, write_detector
from tests.media import Clips, Image, picture

COUNTS = (10, 16)


def sideways(time_s: float) -> Image:
    return np.rot90(picture(time_s, (320, 240)))


@pytest.fixture(scope="module")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Detector]]:
    """Two heads, one of which looks at bursts."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "tiny", BackboneSpec("tiny", CHANNELS, tiny_backbone))
        even = write_detector(tmp_path_factory.mktemp("even"), counts=COUNTS[:1])
        bursts = write_detector(
            tmp_path_factory.mktemp("bursts"), counts=COUNTS, sampling=Sampling("bursts", 4)
        )
        yield [Detector.load(even, "tiny", COUNTS[0], "cpu"), Detector.load(bursts, "tiny", COUNTS[1], "cpu")]
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pool() -> Iterator[FacePool]:
    with FacePool(1) as pool:
        yield pool


@pytest.fixture(scope="module")
def files(clips: Clips) -> list[Path]:
    """Two people, one who lies on the side, nobody, and a file that is no video."""
    broken = clips("two.mp4", seconds=2.7, people=2, size=(480, 270), fps=10).with_name("broken.mp4")
    broken.write_bytes(b"no video at all" * 100)
    return [
        broken.with_name("two.mp4"),
        clips("side.mp4", seconds=2.5, size=(240, 320), fps=10, draw=sideways),
        clips("nobody.mp4", seconds=1, people=0),
        broken,
    ]


def test_calibrate_evaluate_and_analyse_give_one_score(
    detectors: list[Detector], files: list[Path], pool: FacePool, tmp_path: Path
) -> None:
    labelled = [Clip(path, "dev", Face(path.name, path.name, fake=True)) for path in files]
    scored = score_clips(detectors, labelled, tmp_path / "served", pool=pool)
    for detector, items in zip(detectors, scored, strict=True):
        logits = {item.name: item.score for item in items}
        judge = Judge(
            detector, detector.frames, Cache(tmp_path / "judged", {"frames": detector.frames}), pool
        )
        for path in files[:2]:
            findings = analyse(path, detector, frames=detector.frames, pool=pool)
            assert findings.verdict is not Verdict.NOT_ANALYSABLE
            served = calibrated(logits.pop(path.name), detector.calibration)
            assert served == pytest.approx(findings.fake_probability, abs=1e-6)
            judged = judge(LabelledClip(path.name, path, True, "dev")).judgement
            assert judged.probability == findings.fake_probability
        assert not logits, "nobody can be judged in the others"


def test_its_frames_and_people_are_those_of_the_site(
    detectors: list[Detector], files: list[Path], pool: FacePool, tmp_path: Path
) -> None:
    for detector in detectors:
        for path in files[:2]:
            found = analyse(path, detector, frames=detector.frames, pool=pool)
            first, again = (serve_clip(path, detector, tmp_path, pool) for _ in range(2))
            for served in (first, again):  # found, and read from what was kept
                assert [person.times.tolist() for person in served.persons] == [
                    [frame.time_s for frame in face.frames] for face in found.faces
                ]
            for one, other in zip(first.persons, again.persons, strict=True):
                assert np.array_equal(one.inputs, other.inputs)


def test_failures_are_said_and_not_kept(
    detectors: list[Detector], files: list[Path], pool: FacePool, tmp_path: Path
) -> None:
    detector = detectors[0]
    nobody, broken = (serve_clip(path, detector, tmp_path, pool) for path in files[2:])
    assert (nobody.persons, nobody.error) == ((), "no_face")
    assert (broken.persons, broken.error) == ((), "not_a_video")
    assert len(list(tmp_path.glob("*"))) == 1, "whoever mends a file or a machine gets another try"
