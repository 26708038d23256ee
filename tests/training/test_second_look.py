"""A finished detector gets a second look: two more networks' files in, a detector that reads them out."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ml_app.detection.checkpoints.files import load_tensors, read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import PinnedFile, open_folder
from ml_app.detection.checkpoints.metadata import BackboneMetadata, Calibration, DrawnMetadata, HeadMetadata
from ml_app.detection.networks.backbones import BackboneError
from ml_app.detection.networks.efficientnet_lite_shape import CHANNELS as TIGHT_CHANNELS
from ml_app.detection.networks.second_look_shape import SECOND_LOOK, SECOND_LOOKS
from ml_app.detection.networks.sequence_head import HeadConfig, SequenceHead
from ml_app.detection.networks.vision_transformer import VisionTransformer
from ml_app.detection.runtime.detector import Detector, few
from ml_app.training.data.shards import Shard, read_shards
from ml_app.training.fitting.classifier import FrameClassifier
from ml_app.training.fitting.heads import FittedHead
from ml_app.training.publish import export
from ml_app.training.recipe import Phase, Recipe
from ml_app.training.second_look import FRAMES, add_second_look
from ml_app.training.workflow import split_folders

CHANNELS = SECOND_LOOKS[SECOND_LOOK].channels
LITE = Recipe(name="lite", version="1", backbone="efficientnet_lite0", phases=(Phase(64, 1, 2),))


def train_clips(prepared: Path) -> list[Shard]:
    return [s for part in split_folders(prepared, "train") for s in read_shards(part) if s.is_clip]


def a_head() -> FittedHead:
    return FittedHead(SequenceHead(HeadConfig(TIGHT_CHANNELS, 8, 4)).eval(), 4, 0, 1.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def seen_twice(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a detector of untaught networks lies that was given a second look at the tiny clips."""
    torch.manual_seed(4)
    folder = tmp_path_factory.mktemp("second-look")
    model = FrameClassifier("efficientnet_lite0").eval()
    export(LITE, model, [a_head()], folder / "lite", training_data="none", licence="none")
    torch.save({"average": model.state_dict(), "recipe": asdict(LITE)}, folder / "last.pt")
    torch.save(VisionTransformer(depth=9).state_dict(), folder / "transformer.pt")
    done: list[tuple[int, int]] = []
    add_second_look(
        folder / "lite",
        folder,
        folder / "transformer.pt",
        split_folders(prepared, "train"),
        version="2",
        training_data="tiny clips",
        on_done=lambda *counts: done.append(counts),
    )
    clips = len(train_clips(prepared))
    assert done[-1] == (clips, clips)
    return folder


def test_the_files_tell_what_they_are(seen_twice: Path) -> None:
    folder = open_folder(seen_twice, "lite")
    assert folder.second is not None
    about = read_metadata(folder.second.path, BackboneMetadata)
    assert (about.backbone, about.version, about.training_data) == (SECOND_LOOK, "2", "tiny clips")
    head = read_metadata(folder.heads[4].path, HeadMetadata)
    assert (head.version, head.second_frames, head.second_sha256) == ("2", FRAMES, folder.second.sha256)
    assert head.dimensions["second"] == CHANNELS
    assert head.calibration == Calibration()  # the old one was of other scores


def test_its_reading_counts(seen_twice: Path, prepared: Path) -> None:
    detector = Detector.load(seen_twice, "lite", 4, "cpu")
    nothing = [np.zeros(CHANNELS, np.float32)]
    added = []
    for shard in train_clips(prepared):
        crops = [np.asarray(shard.images[place])[:64, :64] for place in few(len(shard.faces), 4)]
        without = detector.score_embeddings([detector.embed(crops)], second=nothing)
        added.append(detector.score([crops])[0].person - without[0].person)
    assert np.isfinite(added).all()
    assert np.ptp(added) > 0


def test_frames_are_looked_at_in_the_middles_of_equal_parts() -> None:
    assert few(100, 4) == [12, 37, 62, 87]
    assert few(3, 8) == [0, 1, 2]
    assert few(0, 8) == []


def test_the_network_of_a_detector_that_has_one_is_taken_over(
    seen_twice: Path, prepared: Path, tmp_path: Path
) -> None:
    shutil.copytree(seen_twice / "lite", tmp_path / "lite")
    add_second_look(
        tmp_path / "lite",
        tmp_path / "lite",
        seen_twice / "transformer.pt",
        split_folders(prepared, "train"),
        version="3",
        training_data="tiny clips",
    )
    assert second_of(tmp_path).sha256 == second_of(seen_twice).sha256  # the file stays, byte for byte
    heads = [
        load_tensors(open_folder(folder, "lite").heads[4])["second.weight"].float()
        for folder in (seen_twice, tmp_path)
    ]
    assert torch.allclose(heads[0], heads[1], atol=2e-3)
    export(
        LITE,
        FrameClassifier(LITE.backbone).eval(),
        [a_head()],
        tmp_path / "bare",
        training_data="none",
        licence="none",
    )
    with pytest.raises(BackboneError, match="bare has no second look"):
        add_second_look(
            tmp_path / "lite",
            tmp_path / "bare",
            seen_twice / "transformer.pt",
            split_folders(prepared, "train"),
            version="3",
            training_data="tiny clips",
        )


def second_of(models: Path) -> PinnedFile:
    second = open_folder(models, "lite").second
    assert second is not None
    return second


def test_what_read_the_former_network_goes_with_it(seen_twice: Path, prepared: Path, tmp_path: Path) -> None:
    shutil.copytree(seen_twice / "lite", tmp_path / "lite")
    drawn = tmp_path / "lite" / "drawn.safetensors"
    about = DrawnMetadata("lite", second_of(tmp_path).sha256, SECOND_LOOK, 1.0, 1.0)
    save_checkpoint(drawn, {"weight": torch.zeros(1)}, about)
    torch.save(VisionTransformer(depth=9).state_dict(), tmp_path / "another.pt")
    add_second_look(
        tmp_path / "lite",
        tmp_path / "lite",
        tmp_path / "another.pt",
        split_folders(prepared, "train"),
        version="3",
        training_data="tiny clips",
    )
    assert second_of(tmp_path).sha256 != second_of(seen_twice).sha256
    assert open_folder(tmp_path, "lite").drawn is None
    assert not drawn.exists()


def test_another_run_is_refused(seen_twice: Path, prepared: Path, tmp_path: Path) -> None:
    other = replace(LITE, backbone="resnet50")
    torch.save(
        {"average": FrameClassifier("resnet50").state_dict(), "recipe": asdict(other)}, tmp_path / "last.pt"
    )
    with pytest.raises(RuntimeError, match=r"last\.pt does not fit the backbone"):
        add_second_look(
            seen_twice / "lite",
            tmp_path,
            seen_twice / "transformer.pt",
            split_folders(prepared, "train"),
            version="2",
            training_data="tiny clips",
        )
