"""Single pictures through the path of the site: a calibration, a threshold and figures of their own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import open_folder, sha256_of
from ml_app.detection.checkpoints.metadata import HeadMetadata
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.findings import Kind, Reason
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.verdict import calibrated
from ml_app.training.calibration import pictures, served_pictures
from ml_app.training.calibration.platt import fit_calibration
from ml_app.training.evaluation import metrics
from ml_app.training.evaluation.metrics import Scored
from ml_app.training.readers import read_set
from tests.detection.conftest import PREPROCESSING, _register_tiny_backbone, models_dir

__all__ = ["_register_tiny_backbone", "models_dir"]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> FacePool:
    """Faces are looked for in this process, and intervals are rough."""
    pool = FacePool(0)
    monkeypatch.setattr(served_pictures, "shared_pool", lambda: pool)
    monkeypatch.setattr(metrics, "RESAMPLES", 20)
    return pool


def head(models: Path, frames: int) -> HeadMetadata:
    return read_metadata(open_folder(models, "tiny").heads[frames].path, HeadMetadata)


def test_the_head_of_the_fewest_frames_learns_to_judge_pictures(
    models_dir: Path, media: Path, tmp_path: Path, here: FacePool, capsys: pytest.CaptureFixture[str]
) -> None:
    models = Path(shutil.copytree(models_dir, tmp_path / "models"))
    before = {frames: sha256_of(pinned.path) for frames, pinned in open_folder(models, "tiny").heads.items()}
    path = tmp_path / "face.jpg"
    with (media / "pairs.tar").open("rb") as file:
        dev = [p for p in read_set("pairs", media / "pairs.tar").pictures if p.split == "dev"]
        file.seek(dev[-1].offset)
        path.write_bytes(file.read(dev[-1].size))
    assert not dev[-1].face.fake
    old = analyse(path, Detector.load(models, "tiny", 1, "cpu"), frames=1, pool=here)
    assert (old.reason, old.faces, old.threshold) == (Reason.PICTURES_NOT_MEASURED, (), None)

    where = {"models": models, "cache": tmp_path / "cache"}
    call_command("calibrate", "tiny", pairs=[media / "pairs.tar"], faces=[media / "faces.tar"], **where)
    printed = capsys.readouterr().out
    assert "Pictures: AUC (n = 4)" in printed
    assert "Genuine pictures of faces called FAKE (n = 2)" in printed

    after = {frames: sha256_of(pinned.path) for frames, pinned in open_folder(models, "tiny").heads.items()}
    assert after[10] != before[10]
    assert after[20] == before[20]
    found = head(models, 10).pictures
    assert found is not None
    assert replace(head(models, 10), pictures=None) == head(models_dir, 10), "all else stays"
    assert found.metrics["pair_accuracy"]["n"] == 1
    assert found.metrics["not_analysable"] == 0
    assert found.calibration.fitted_on.startswith("dev pictures (2 in pairs)")

    detector = Detector.load(models, "tiny", 1, "cpu")
    findings = analyse(path, detector, frames=1, pool=here)
    assert findings.video.kind is Kind.PICTURE
    assert findings.threshold == found.decision.threshold
    served = next(served_pictures.serve_pictures([dev[-1]], PREPROCESSING, tmp_path / "cache", here))
    (scores,) = detector.score([list(served.crops[:1])])
    assert findings.fake_probability == pytest.approx(calibrated(scores.person, found.calibration))
    assert (
        findings.frames_requested,
        findings.frames_analysed,
        findings.frames_with_faces,
        findings.notes,
    ) == (1, 1, 1, ())
    (face,) = findings.faces
    assert (len(face.frames), face.frames[0].time_s) == (1, 0.0)
    assert face.frames[0].heatmap

    kept = sorted((tmp_path / "cache").iterdir())
    call_command("calibrate", "tiny", pairs=[media / "pairs.tar"], faces=[media / "faces.tar"], **where)
    assert head(models, 10).pictures == found
    assert sorted((tmp_path / "cache").iterdir()) == kept, "nobody was looked for again"


def test_a_set_of_genuine_pictures_alone_raises_the_threshold() -> None:
    rng = np.random.default_rng(0)

    def drawn(name: str, fake: bool, middle: float) -> list[Scored]:
        return [
            Scored(f"{name}{i}", fake, score, generator=name)
            for i, score in enumerate(rng.normal(middle, 1, 200))
        ]

    swapped = drawn("swaps", True, 2) + drawn("swaps", False, 0)
    calibration = fit_calibration(swapped, "")
    elsewhere = drawn("portraits", False, 1)
    alone = pictures.strictest_decision(swapped, calibration)
    together = pictures.strictest_decision([*swapped, *elsewhere], calibration)
    assert together.threshold > alone.threshold
    alarms = [calibrated(item.score, calibration) >= together.threshold for item in elsewhere]
    assert np.mean(alarms) <= 0.05
    assert together.uncertain_low <= alone.threshold


def test_what_is_missing_is_asked_for(models_dir: Path, media: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="give --clips, or --pairs"):
        call_command("calibrate", "tiny", models=models_dir)
    with pytest.raises(CommandError, match="give --pairs as well"):
        call_command("calibrate", "tiny", clips=media / "clips.csv", faces=[media / "faces.tar"])
    with pytest.raises(CommandError, match="there is no"):
        call_command("calibrate", "tiny", pairs=[tmp_path / "missing.tar"], models=models_dir)
