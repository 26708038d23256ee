"""What the reading that ships says of a cartoon, and of the photograph that it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import DrawnMetadata
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.findings import Reason
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from ml_app.training.drawn.styles import STYLES
from tests.media import Image, make_clip, picture

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture(scope="module")
def pool() -> Iterator[FacePool]:
    found = FacePool(1)
    yield found
    found.close()


def cartoon(image: Image) -> Image:
    """Flat colours and outlines, by other means than those that were learned."""
    calm = np.asarray(cv2.pyrMeanShiftFiltering(image, 12, 40), dtype=np.uint8)
    grey = cv2.medianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 5)
    edges = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4)
    return np.where(edges[..., None] == 0, np.uint8(20), calm // 48 * 48 + 24).astype(np.uint8)


def test_the_shipped_detector_tells_a_cartoon_from_the_photograph(tmp_path: Path, pool: FacePool) -> None:
    detector = Detector.load(MODELS, "standard", min(open_folder(MODELS, "standard").heads), "cpu")
    size = (640, 480)
    drawn = make_clip(tmp_path / "drawn.mp4", seconds=1, fps=10, draw=lambda t: cartoon(picture(t, size)))
    photographed = make_clip(tmp_path / "photographed.mp4", seconds=1, fps=10, size=size)
    assert analyse(drawn, detector, frames=10, pool=pool).reason is Reason.DRAWN_FACE
    assert analyse(photographed, detector, frames=10, pool=pool).reason is not Reason.DRAWN_FACE


def test_it_says_what_it_is_worth() -> None:
    pinned = open_folder(MODELS, "standard").drawn
    assert pinned is not None
    assert pinned.path.stat().st_size < 20_000
    about = read_metadata(pinned.path, DrawnMetadata)
    assert about.training_data
    assert about.licence
    assert about.metrics["false_share"] <= 0.005
    found = about.metrics["styles_left_out"]
    assert set(found) == set(STYLES)
    told = (MODELS.parent / "docs" / "experiments.md").read_text()
    for style in found.values():
        assert f"{style['recall']:.2f} | {style['auc']:.3f}" in told
