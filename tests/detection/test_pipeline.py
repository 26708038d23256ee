"""From a file to findings, with a tiny network and real clips."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.errors import Cancelled, VideoError
from ml_app.detection.faces.detect import overlap
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.findings import Evidence, Findings, Limits, Progress, Reason, Stage, Verdict
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from tests.detection.conftest import write_detector
from tests.media import Clips, Image, late, picture

Run = Callable[..., Findings]


@pytest.fixture
def run(detector: Detector, pool: FacePool) -> Run:
    """Analyse a file at ten frames."""
    return lambda path, **options: analyse(path, detector, pool=pool, **{"frames": 10, **options})


def picture_of(data: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def test_a_person_is_analysed(clips: Clips, run: Run, detector: Detector) -> None:
    findings = run(clips(seconds=2))
    assert findings.verdict in (Verdict.REAL, Verdict.FAKE, Verdict.UNCERTAIN)
    assert findings.frames_requested == findings.frames_analysed == findings.frames_with_faces == 10
    assert findings.detector == detector.info
    assert findings.notes == ()
    assert findings.video.width, findings.video.height == (320, 240)
    (face,) = findings.faces
    assert face.id == 1
    assert 0 < face.fake_probability < 1
    assert (findings.fake_probability, findings.verdict) == (face.fake_probability, face.verdict)
    times = [frame.time_s for frame in face.frames]
    assert times == sorted(times)
    assert times[0] < 0.3
    assert times[-1] > 1.7
    seconds = findings.seconds
    assert seconds.total >= max(seconds.faces, seconds.network, seconds.explain) > 0
    assert seconds.decode > 0


def test_the_scores_are_those_of_the_network(clips: Clips, run: Run, detector: Detector) -> None:
    """The person's logit is the mean of the frames' logits, so the timeline is the model's own."""
    (face,) = run(clips(seconds=2)).faces
    logits = [np.log(f.fake_probability / (1 - f.fake_probability)) for f in face.frames]
    assert len({round(logit, 6) for logit in logits}) == 10
    expected = 1 / (1 + np.exp(-np.mean(logits)))
    assert face.fake_probability == pytest.approx(expected, abs=1e-6)


def test_the_same_file_gives_the_same_findings(clips: Clips, run: Run) -> None:
    first, second = run(clips(seconds=2)), run(clips(seconds=2))
    assert first.faces == second.faces


def test_two_people_are_two_faces(clips: Clips, run: Run) -> None:
    findings = run(clips(seconds=2, people=2, size=(640, 240)))
    assert [face.id for face in findings.faces] == [1, 2]
    assert [len(face.frames) for face in findings.faces] == [10, 10]
    worst = max(findings.faces, key=lambda face: face.fake_probability or 0)
    assert findings.fake_probability == worst.fake_probability
    one, other = (face.fake_probability for face in findings.faces)
    assert one != other


def test_a_second_person_does_not_change_the_first(clips: Clips, run: Run, detector: Detector) -> None:
    crops = [np.full((64, 64, 3), value, dtype=np.uint8) for value in (10, 90, 200, 30)]
    alone = detector.score([crops])[0]
    together = detector.score([crops, crops[:2]])[0]
    assert together.person == pytest.approx(alone.person, abs=1e-5)


def test_the_most_telling_frames_have_heatmaps(clips: Clips, run: Run) -> None:
    (face,) = run(clips(seconds=2)).faces
    explained = [frame for frame in face.frames if frame.heatmap is not None]
    assert len(explained) == 3
    for frame in explained:
        heatmap, thumbnail = picture_of(frame.heatmap or b""), picture_of(frame.thumbnail)
        assert heatmap.shape == (*thumbnail.shape[:2], 4)
    assert max(int(picture_of(frame.heatmap or b"")[..., 3].max()) for frame in explained) > 150
    highest = max(face.frames, key=lambda frame: frame.fake_probability)
    assert highest.heatmap is not None


def test_nobody(clips: Clips, run: Run) -> None:
    findings = run(clips(seconds=1, people=0))
    assert (findings.verdict, findings.reason) == (Verdict.NOT_ANALYSABLE, Reason.NO_FACE)
    assert findings.fake_probability is None
    assert findings.evidence is Evidence.NONE
    assert findings.faces == ()
    assert (findings.frames_analysed, findings.frames_with_faces) == (10, 0)


def small(time_s: float) -> Image:
    image = np.full((360, 480, 3), 90, dtype=np.uint8)
    image[200:290, 100:230] = picture(time_s, (130, 90))
    return image


@pytest.mark.parametrize(
    ("draw", "reason"),
    [
        (lambda t: picture(t) // 8, Reason.TOO_DARK),
        (lambda t: cv2.GaussianBlur(picture(t, (640, 480)) // 3 * 2, (0, 0), 5.0), Reason.TOO_BLURRED),
        (small, Reason.FACE_TOO_SMALL),
        (lambda t: picture(t, people=0 if t > 0.05 else 1), Reason.TOO_FEW_FRAMES),
    ],
    ids=["dark", "blurred", "small", "few"],
)
def test_who_cannot_be_judged_is_said_with_a_reason(
    draw: Callable[[float], Image], reason: Reason, clips: Clips, run: Run, tmp_path: Path
) -> None:
    from tests.media import make_clip

    path = make_clip(tmp_path / "clip.mp4", seconds=1, size=draw(0).shape[1::-1], draw=draw)
    findings = run(path)
    assert (findings.verdict, findings.reason) == (Verdict.NOT_ANALYSABLE, reason)
    assert findings.fake_probability is None
    assert [face.reason for face in findings.faces] == [reason]
    assert all(0 <= frame.fake_probability <= 1 for frame in findings.faces[0].frames)


def test_a_short_video_uses_what_it_has_and_says_so(clips: Clips, run: Run) -> None:
    findings = run(clips(seconds=0.2))
    assert findings.frames_analysed == 5
    assert findings.notes == ("fewer_frames_than_requested",)
    assert findings.faces[0].fake_probability is not None


def test_another_frame_count_uses_the_nearest_head(clips: Clips, models_dir: Path, pool: FacePool) -> None:
    detector = Detector.load(models_dir, "tiny", 14, "cpu")
    findings = analyse(clips(seconds=2), detector, frames=14, pool=pool)
    assert findings.notes == ("nearest_head",)
    assert (findings.frames_analysed, findings.detector.frame_count) == (14, 10)


def test_boxes_are_upright_and_in_full_size(clips: Clips, run: Run) -> None:
    turned, upright = (run(clips(seconds=1, rotation=r)).faces[0].frames[0].box for r in (90, 0))
    assert abs(turned.left - upright.left) <= 6
    assert abs(turned.top - upright.top) <= 6
    large = run(clips(seconds=0.4, size=(2560, 1440))).faces[0].frames[0].box  # decoded at 1920
    assert 300 < large.width < 700
    assert 0 <= large.left < large.right <= 2560
    assert 0 <= large.top < large.bottom <= 1440


def test_progress_goes_through_the_stages(clips: Clips, run: Run) -> None:
    told: list[Progress] = []
    run(clips(seconds=2), on_progress=told.append)
    stages = [progress.stage for progress in told]
    assert list(dict.fromkeys(stages)) == list(Stage)
    assert stages == sorted(stages, key=list(Stage).index)
    assert [p.done for p in told if p.stage is Stage.FACES] == list(range(11))
    for stage in Stage:
        last = [progress for progress in told if progress.stage is stage][-1]
        assert last.done == last.total > 0


@pytest.mark.parametrize("stage", list(Stage))
def test_cancelling_in_each_stage(stage: Stage, clips: Clips, run: Run) -> None:
    told: list[Progress] = []
    with pytest.raises(Cancelled):
        run(
            clips(seconds=2),
            on_progress=told.append,
            cancelled=lambda: bool(told) and told[-1].stage is stage,
        )
    assert told[-1].stage is stage


def test_a_cancelled_analysis_leaves_everything_usable(clips: Clips, run: Run) -> None:
    with pytest.raises(Cancelled):
        run(clips(seconds=2), cancelled=lambda: True)
    assert run(clips(seconds=2)).faces


def test_what_is_no_video_is_an_error(tmp_path: Path, run: Run) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"not a video" * 100)
    with pytest.raises(VideoError):
        run(tmp_path / "clip.mp4")


def test_limits_are_passed_on(clips: Clips, run: Run) -> None:
    with pytest.raises(VideoError) as caught:
        run(clips(seconds=2), limits=Limits(max_duration_s=1.0))
    assert caught.value.code == "too_long"


def test_importing_the_pipeline_imports_neither_django_nor_torch() -> None:
    code = (
        "import sys, ml_app.detection.pipeline; print('torch' in sys.modules, 'django' in sys.modules);"
        "import ml_app.detection.runtime.detector, ml_app.detection.importing; print('django' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False", "False"]


def test_waiting_threads_do_not_spin() -> None:
    code = "import os, ml_app.detection; print(os.environ['OMP_WAIT_POLICY'])"
    for given, expected in (({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")):
        environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"} | given
        command = [sys.executable, "-c", code]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert result.stdout.strip() == expected


def test_a_video_on_its_side_is_turned(clips: Clips, run: Run) -> None:
    """The camera wrote no rotation mark."""
    upright = run(clips("stands.mp4", size=(480, 640)))
    path = clips("lies.mp4", size=(640, 480), draw=lambda t: np.rot90(picture(t, (480, 640))).copy())
    findings = run(path)
    assert "turned:90" in findings.notes
    assert findings.frames_with_faces == upright.frames_with_faces
    (face,), (other,) = findings.faces, upright.faces
    assert overlap(face.frames[0].box, other.frames[0].box) > 0.8
    assert not any(note.startswith("turned") for note in upright.notes)


def test_a_person_gets_the_frames_that_were_ordered(clips: Clips, run: Run) -> None:
    told: list[Progress] = []
    findings = run(clips("late.mp4", seconds=5, draw=late), on_progress=told.append)
    (face,) = findings.faces
    assert len(face.frames) == findings.frames_with_faces == 10
    assert all(frame.time_s > 3.95 for frame in face.frames)
    assert face.fake_probability is not None
    assert 18 <= findings.frames_analysed <= 20
    assert findings.notes == (f"looked_again:{findings.frames_analysed - 10}",)
    times = [frame.time_s for frame in face.frames]
    assert times == sorted(set(times))
    assert max(later - earlier for earlier, later in pairwise(times)) < 0.25
    looks = [progress for progress in told if progress.stage is Stage.FACES]
    assert [p.done for p in looks] == sorted(p.done for p in looks)
    assert all(p.done <= p.total for p in looks)
    assert looks[-1].done == looks[-1].total == findings.frames_analysed


def test_looking_again_depends_on_no_number_of_processes(clips: Clips, run: Run, detector: Detector) -> None:
    path = clips("late.mp4", seconds=5, draw=late)
    with FacePool(0) as inline, FacePool(2) as two:
        found = [analyse(path, detector, frames=10, pool=pool) for pool in (inline, two)]
    assert found[0].faces == found[1].faces == run(path).faces


def test_looking_again_can_be_cancelled(clips: Clips, run: Run) -> None:
    told: list[Progress] = []
    with pytest.raises(Cancelled):
        run(
            clips("late.mp4", seconds=5, draw=late),
            on_progress=told.append,
            cancelled=lambda: bool(told) and told[-1].total > 10,
        )
    assert 10 < told[-1].done < told[-1].total


def test_a_face_that_is_nearly_always_there_is_not_looked_for_again(clips: Clips, run: Run) -> None:
    findings = run(clips("once.mp4", seconds=2, draw=lambda t: picture(t, people=0 if 0.9 < t < 1.1 else 1)))
    assert (findings.frames_with_faces, findings.frames_analysed, findings.notes) == (9, 10, ())


def test_published_checkpoints_look_at_no_other_frames(clips: Clips, tmp_path: Path, pool: FacePool) -> None:
    models = write_detector(tmp_path, counts=(10,), sampling=Sampling("first"))
    detector = Detector.load(models, "tiny", 10, "cpu")
    findings = analyse(
        clips("early.mp4", draw=lambda t: picture(t, people=int(t < 0.17))), detector, frames=10, pool=pool
    )
    assert (findings.frames_with_faces, findings.frames_analysed) == (5, 10)
