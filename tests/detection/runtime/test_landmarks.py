"""A landmark detector from a video to findings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ml_app.detection.checkpoints.files import load_tensors, read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import HeadMetadata, Sampling
from ml_app.detection.errors import CheckpointError
from ml_app.detection.explain import render_points
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.findings import Reason, Verdict
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from tests.detection.landmark_faces import face, write_landmark_detector
from tests.media import make_clip, picture

Clips = Callable[..., Path]


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_landmark_detector(tmp_path_factory.mktemp("models"))


def test_a_video_is_judged_by_its_movement(moving: Path, clips: Clips, pool: FacePool) -> None:
    detector = Detector.load(moving, "moving", 10, "cpu")
    detector.warm_up()
    findings = analyse(clips(seconds=2), detector, frames=10, pool=pool)
    (person,) = findings.faces
    assert (findings.detector.architecture, findings.device) == ("landmarks_lstm", "cpu")
    assert len(person.frames) == 10
    assert len({frame.fake_probability for frame in person.frames}) > 5
    assert person.reason in (Reason.NONE, Reason.NEAR_THRESHOLD)
    drawn = [frame for frame in person.frames if frame.heatmap]
    assert len(drawn) == 3
    for frame in drawn:
        layer = cv2.imdecode(np.frombuffer(frame.heatmap or b"", np.uint8), cv2.IMREAD_UNCHANGED)
        thumbnail = cv2.imdecode(np.frombuffer(frame.thumbnail, np.uint8), cv2.IMREAD_COLOR)
        assert layer.shape == (*thumbnail.shape[:2], 4)
        assert 68 < np.count_nonzero(layer[..., 3]) < layer[..., 3].size / 2  # points, and no carpet


def test_frames_that_lie_too_far_apart_leave_it_uncertain(
    tmp_path: Path, clips: Clips, pool: FacePool
) -> None:
    head = open_folder(write_landmark_detector(tmp_path), "moving").heads[10]
    metadata = replace(read_metadata(head.path, HeadMetadata), sampling=Sampling())
    save_checkpoint(head.path, load_tensors(head), metadata)
    clip = make_clip(tmp_path / "slow.mp4", seconds=5, fps=2)
    findings = analyse(clip, Detector.load(tmp_path, "moving", 10, "cpu"), frames=10, pool=pool)
    assert (findings.verdict, findings.reason) == (Verdict.UNCERTAIN, Reason.FRAMES_TOO_FAR_APART)
    assert findings.fake_probability == 0.5
    assert {frame.fake_probability for frame in findings.faces[0].frames} == {0.5}


def test_pictures_do_not_move(moving: Path, tmp_path: Path, pool: FacePool) -> None:
    cv2.imwrite(str(tmp_path / "face.jpg"), picture(0.0)[..., ::-1])
    findings = analyse(tmp_path / "face.jpg", Detector.load(moving, "moving", 10, "cpu"), frames=1, pool=pool)
    assert (findings.verdict, findings.reason) == (
        Verdict.NOT_ANALYSABLE,
        Reason.PICTURES_NOT_MEASURED,
    )


def test_a_person_is_the_mean_of_their_frames(moving: Path) -> None:
    detector = Detector.load(moving, "moving", 10, "cpu")
    times = [i * 0.08 for i in range(20)]
    embeddings = detector.embed(list(face(times).astype(np.float32)))
    (scores,) = detector.score_embeddings([embeddings], [times], second=None)
    assert scores.person == pytest.approx(np.mean(scores.frames), abs=1e-6)


def test_serving_needs_no_torch(moving: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ml_app.detection.runtime.detector import Detector;"
        "import numpy as np;"
        f"detector = Detector.load(Path({str(moving)!r}), 'moving', 10, 'auto'); detector.warm_up();"
        "points = np.random.default_rng(0).normal(size=(9, 68, 2)).astype(np.float32);"
        "times = [i * 0.08 for i in range(9)];"
        "detector.score_embeddings([detector.embed(list(points))], [times], second=None);"
        "detector.odd_points(detector.embed(list(points)), times, [3]);"
        "assert not {'torch', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_files_that_do_not_belong_there_are_refused(tmp_path: Path) -> None:
    head = open_folder(write_landmark_detector(tmp_path), "moving").heads[10]
    tensors = load_tensors(head)
    tensors.pop("step.weight")
    save_checkpoint(head.path, tensors, read_metadata(head.path, HeadMetadata))
    with pytest.raises(CheckpointError) as raised:
        Detector.load(tmp_path, "moving", 10, "cpu")
    assert raised.value.code == "wrong_shapes"


def test_the_point_that_says_most_is_drawn_largest() -> None:
    layer = cv2.imdecode(
        np.frombuffer(
            render_points(np.array([[10.0, 10.0], [30.0, 30.0]]), np.array([0.0, 1.0]), (40, 40)), np.uint8
        ),
        cv2.IMREAD_UNCHANGED,
    )
    alpha = layer[..., 3]
    assert 0 < np.count_nonzero(alpha[:20, :20]) < 9 < np.count_nonzero(alpha[20:, 20:])
    assert alpha[30, 30] == 255
