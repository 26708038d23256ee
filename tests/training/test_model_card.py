"""The model card tells the figures that stand in the weights' own metadata."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import HeadMetadata
from ml_app.detection.checkpoints.sharing import check_part
from ml_app.training.calibration.report import figures_table

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def heads() -> dict[int, HeadMetadata]:
    folder = open_folder(MODELS, "standard")
    return {frames: read_metadata(pinned.path, HeadMetadata) for frames, pinned in folder.heads.items()}


def test_the_card_has_the_figures_of_the_weights(heads: dict[int, HeadMetadata]) -> None:
    card = (MODELS / "MODEL_CARD.md").read_text()
    assert figures_table({frames: head.metrics for frames, head in heads.items()}) in card


def test_the_card_says_how_pictures_are_judged(heads: dict[int, HeadMetadata]) -> None:
    card = (MODELS / "MODEL_CARD.md").read_text()
    measured = heads[min(heads)].pictures
    if measured is None:
        assert "measured on no single pictures" in card
    else:
        assert figures_table({min(heads): measured.metrics}, "pictures") in card
        assert "measured on no single pictures" not in card


def test_every_frame_count_ships_calibrated_and_complete(heads: dict[int, HeadMetadata]) -> None:
    assert sorted(heads) == [10, 20, 40, 60, 80, 100]
    for frames, head in heads.items():
        assert head.frame_count == frames
        assert head.calibration.fitted_on
        assert head.calibration.slope > 0
        assert head.metrics["false_positive_rate"]["value"] <= 0.05
        assert head.training_data
        assert head.licence


def test_the_weights_fit_into_sixty_megabytes() -> None:
    assert sum(path.stat().st_size for path in (MODELS / "standard").iterdir()) < 60e6


def test_the_landmark_detector_is_small_calibrated_and_told_of() -> None:
    folder = open_folder(MODELS, "landmarks")
    assert sum(path.stat().st_size for path in (MODELS / "landmarks").iterdir()) < 1e6
    told = {frames: read_metadata(pinned.path, HeadMetadata) for frames, pinned in folder.heads.items()}
    table = figures_table({frames: head.metrics for frames, head in told.items()})
    assert table in (MODELS / "MODEL_CARD.md").read_text()
    assert sorted(told) == [20, 40, 60, 80]
    for frames, head in told.items():
        assert head.frame_count == frames
        assert head.preprocessing.reads == "landmarks"
        assert head.metrics["auc"]["low"] > 0.5, "a head that is no better than chance does not ship"
        assert head.calibration.fitted_on
        assert head.calibration.slope > 0
        assert head.metrics["false_positive_rate"]["value"] <= 0.05


def test_the_ensemble_is_of_the_detectors_that_ship() -> None:
    folder = open_folder(MODELS, "ensemble")
    assert sum(path.stat().st_size for path in (MODELS / "ensemble").iterdir()) < 1e5
    for pinned in folder.heads.values():
        for part in read_metadata(pinned.path, HeadMetadata).parts:
            check_part(MODELS, part)
