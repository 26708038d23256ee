"""Telling drawn faces by what the second network saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ml_app.detection.checkpoints.files import read_metadata, save_checkpoint
from ml_app.detection.checkpoints.metadata import DrawnMetadata, HeadMetadata
from ml_app.detection.errors import CheckpointError
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.findings import Reason, Verdict
from ml_app.detection.networks.second_look_shape import SECOND_LOOK, SECOND_LOOKS, TOKENS_FROM
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from tests.detection.runtime.test_onnx_runtime import with_second_look
from tests.media import Clips

MOMENTS = SECOND_LOOKS[SECOND_LOOK].channels - TOKENS_FROM


def tell(models: Path, *, bias: float = 0.0, weights: int = MOMENTS, **changes: object) -> None:
    """Write a reading beside the detector's heads: at a bias above 1 everybody of a video looks drawn."""
    head = read_metadata(models / "light" / "head-10.safetensors", HeadMetadata)
    about = DrawnMetadata("light", head.second_sha256, SECOND_LOOK, threshold=1.0, picture_threshold=3.0)
    tensors = {"weight": torch.zeros(weights), "bias": torch.tensor([bias])}
    save_checkpoint(models / "light" / "drawn.safetensors", tensors, replace(about, **changes))  # type: ignore[arg-type]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return with_second_look(tmp_path)


def test_it_reads_tokens_alone_and_wants_more_of_a_picture(models: Path) -> None:
    tell(models, bias=2.0)
    detector = Detector.load(models, "light", 10, "cpu")
    seen = np.ones(TOKENS_FROM + MOMENTS, np.float32)
    assert detector.looks_drawn(seen, picture=False)
    assert not detector.looks_drawn(seen, picture=True)
    assert not detector.looks_drawn(None, picture=False)


def test_without_the_file_nobody_looks_drawn(models: Path) -> None:
    detector = Detector.load(models, "light", 10, "cpu")
    assert detector.drawn is None
    assert not detector.looks_drawn(np.ones(TOKENS_FROM + MOMENTS, np.float32), picture=False)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda models: tell(models, second_sha256="0" * 64), "wrong_backbone"),
        (lambda models: tell(models, weights=7), "wrong_shapes"),
        (lambda models: tell(models, second_backbone="unheard of"), "wrong_shapes"),
        (lambda models: (models / "light" / "drawn.safetensors").write_bytes(b"no"), "bad_checkpoint"),
    ],
)
def test_a_file_that_does_not_belong_is_refused(
    models: Path, spoil: Callable[[Path], object], code: str
) -> None:
    tell(models)
    spoil(models)
    with pytest.raises(CheckpointError) as caught:
        Detector.load(models, "light", 10, "cpu")
    assert caught.value.code == code


def test_of_drawn_people_nothing_is_said(models: Path, clips: Clips, pool: FacePool) -> None:
    clip = clips("drawn.mp4", seconds=2, people=1)
    tell(models, bias=2.0)
    found = analyse(clip, Detector.load(models, "light", 10, "cpu"), frames=10, pool=pool)
    assert (found.verdict, found.reason) == (Verdict.NOT_ANALYSABLE, Reason.DRAWN_FACE)
    assert found.fake_probability is None
    assert [face.reason for face in found.faces] == [Reason.DRAWN_FACE]
    assert len(found.faces[0].frames) == 10  # what was seen may still be looked at
    tell(models, bias=0.0)
    again = analyse(clip, Detector.load(models, "light", 10, "cpu"), frames=10, pool=pool)
    assert again.reason is not Reason.DRAWN_FACE
