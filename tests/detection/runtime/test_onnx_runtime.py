"""The small networks without torch: the same numbers as with it, from the same files."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ml_app.detection.checkpoints.files import read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import PinnedFile, open_folder, sha256_of
from ml_app.detection.checkpoints.metadata import BackboneMetadata, HeadMetadata, Preprocessing
from ml_app.detection.errors import CheckpointError
from ml_app.detection.faces.crops import Image
from ml_app.detection.hardware import usable_cores
from ml_app.detection.networks.backbones import BACKBONES, BackboneSpec
from ml_app.detection.networks.efficientnet_lite import Textured, efficientnet_lite
from ml_app.detection.networks.efficientnet_lite_shape import CHANNELS
from ml_app.detection.networks.second_look import SecondLook
from ml_app.detection.networks.second_look_shape import SECOND_LOOK, SECOND_LOOKS
from ml_app.detection.networks.sequence_head import HeadConfig, SequenceHead
from ml_app.detection.networks.sequence_head_numpy import NumpySequenceHead
from ml_app.detection.runtime import network as networks
from ml_app.detection.runtime import pytorch
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.runtime.device import Device
from ml_app.detection.runtime.onnx_runtime import OnnxNetwork
from ml_app.detection.runtime.pytorch import TorchNetwork

ROOT = Path(__file__).resolve().parents[3]
DIMENSIONS = {"channels": CHANNELS, "projection": 24, "hidden": 12}


def unlike_new(module: nn.Module) -> nn.Module:
    """Batch norms and a head as after a training: no mean is 0, no variance 1, no factor 1."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.7, 1.4)
            nn.init.normal_(part.bias, 0.3, 0.3)
            nn.init.normal_(part.running_mean, 0, 0.2)
            nn.init.uniform_(part.running_var, 0.3, 1.0)
    return module.eval()


def head() -> SequenceHead:
    filled = SequenceHead(HeadConfig(**DIMENSIONS))
    for parameter in filled.parameters():
        nn.init.normal_(parameter, 0, 0.3)
    return filled.eval()


def write(models: Path, size: int, side: int, colour_order: str = "RGB", kind: str = "") -> Path:
    torch.manual_seed(size)
    folder, backbone = models / "light", f"efficientnet_lite{size}{kind}"
    shown = Preprocessing(image_size=side, margin=1.1, colour_order=colour_order)  # type: ignore[arg-type]
    half = {
        key: value.half() if value.is_floating_point() else value
        for key, value in unlike_new(Textured(size) if kind else efficientnet_lite(size)).state_dict().items()
    }
    save_checkpoint(folder / "backbone.safetensors", half, BackboneMetadata("light", "1", backbone, shown))
    metadata = HeadMetadata(
        name="light",
        version="1",
        architecture="efficientnet_lstm",
        frame_count=10,
        backbone_sha256=sha256_of(folder / "backbone.safetensors"),
        dimensions=DIMENSIONS,
        preprocessing=shown,
    )
    save_checkpoint(folder / "head-10.safetensors", head().state_dict(), metadata)
    return models


def in_torch(models: Path, monkeypatch: pytest.MonkeyPatch) -> TorchNetwork:
    """The same files in torch, in single precision."""
    target = Device(torch.device("cpu"), torch.float32)
    monkeypatch.setattr(pytorch, "choose_device", lambda device, *, exact: target)
    folder = open_folder(models, "light")
    pinned = folder.heads[10]
    return pytorch.load(
        folder.backbone, pinned, read_metadata(pinned.path, HeadMetadata), "cpu", folder.second
    )


def crops(count: int, side: int) -> list[Image]:
    return list(np.random.default_rng(1).integers(0, 255, (count, side, side, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("size", "side", "colour_order"), [(0, 64, "RGB"), (0, 96, "BGR"), (1, 64, "RGB"), (2, 64, "RGB")]
)
def test_every_size_gives_the_numbers_of_torch(
    size: int, side: int, colour_order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"efficientnet_lite{size}"
    monkeypatch.setitem(BACKBONES, name, BackboneSpec(name, CHANNELS, lambda _: efficientnet_lite(size)))
    models = write(tmp_path, size, side, colour_order)
    detector = Detector.load(models, "light", 10, "cpu")
    assert isinstance(detector.network, OnnxNetwork)
    other = in_torch(models, monkeypatch)
    pictures = crops(19, side)  # more than go through at a time
    embeddings, expected = detector.embed(pictures), other.embed(pictures)
    assert embeddings.shape == (19, CHANNELS)
    assert expected.std() > 0.05
    assert np.abs(embeddings - expected).max() < 1e-4
    features = detector.network.features(pictures[:2])
    assert features.shape == (2, CHANNELS, side // 32, side // 32)
    assert np.abs(features - other.features(pictures[:2])).max() < 5e-4
    people = [embeddings, embeddings[3:4]]
    for found, (frames, person) in zip(
        detector.score_embeddings(people, second=None), other.logits(people), strict=True
    ):
        assert np.abs(np.array(found.frames) - frames).max() < 1e-3
        assert found.person == pytest.approx(person, abs=1e-3)


def test_texture_and_its_variation_are_those_of_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = BACKBONES["efficientnet_lite0_textured"]
    monkeypatch.setitem(DIMENSIONS, "channels", spec.channels)
    monkeypatch.setitem(DIMENSIONS, "varying", spec.texture)
    models = write(tmp_path, 0, 64, kind="_textured")
    detector = Detector.load(models, "light", 10, "cpu")
    assert isinstance(detector.network, OnnxNetwork)
    other = in_torch(models, monkeypatch)
    pictures = crops(19, 64)
    embeddings, expected = detector.embed(pictures), other.embed(pictures)
    assert embeddings.shape == (19, CHANNELS + 112)
    assert np.abs(embeddings - expected).max() < 1e-4
    assert expected[:, CHANNELS:].std() > 0.05
    people, times = [embeddings, embeddings[3:5]], [[0.1 * i for i in range(19)], [0.0, 0.1]]
    found, plain = (
        detector.score_embeddings(people, times, second=None),
        detector.score_embeddings(people, second=None),
    )
    for mine, (frames, person) in zip(found, other.logits(people, times), strict=True):
        assert np.abs(np.array(mine.frames) - frames).max() < 1e-3
        assert mine.person == pytest.approx(person, abs=1e-3)
        assert mine.person == pytest.approx(np.mean(mine.frames), abs=1e-3)
    assert abs(found[0].person - plain[0].person) > 0.1
    assert found[1].person == plain[1].person  # two frames tell no variation


@pytest.mark.parametrize("varying", [0, 200])
def test_the_heads_gradient_is_that_of_torch(varying: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setitem(DIMENSIONS, "varying", varying)
    reference = head()
    light = NumpySequenceHead(
        {key: value.numpy() for key, value in reference.state_dict().items()}, DIMENSIONS
    )
    embeddings = torch.randn(30, CHANNELS)
    inputs = embeddings[None].clone().requires_grad_()
    logits = reference(inputs).frames[0]
    (gradient,) = torch.autograd.grad(logits.sum(), inputs)
    assert np.allclose(light.logits(embeddings.numpy()), logits.detach().numpy(), atol=1e-4)
    assert np.allclose(light.gradient(embeddings.numpy()), gradient[0].numpy(), atol=1e-4)
    assert gradient.std() > 0.01


def test_the_weights_that_ship_are_served_without_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; import numpy as np;"
        "from ml_app.detection.runtime.detector import Detector;"
        "import ml_app.detection.pipeline;"
        "detector = Detector.load(Path('models'), 'standard', 40, 'cpu');"
        "side = detector.preprocessing.image_size;"
        "crops = [np.full((side, side, 3), value, np.uint8) for value in (9, 90, 200)];"
        "embeddings = detector.embed(crops);"
        "detector.score_embeddings([embeddings], second=detector.look_again([crops]));"
        "detector.activations(embeddings, crops[:1], [0]);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
    assert not done.stderr


def test_heads_share_the_backbone(tmp_path: Path) -> None:
    models = write(tmp_path, 0, 64)
    one, other = (Detector.load(models, "light", frames, "cpu").network for frames in (10, 20))
    assert isinstance(one, OnnxNetwork)
    assert isinstance(other, OnnxNetwork)
    assert one.session is other.session
    assert one.describe() == f"CPU, {usable_cores()} threads, float32"


@pytest.mark.parametrize("gpu", [True, False])
def test_a_gpu_is_taken_where_there_is_one(
    gpu: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = write(tmp_path, 0, 64)
    monkeypatch.setattr(networks, "has_nvidia_gpu", lambda: gpu)
    network = Detector.load(models, "light", 10, "auto").network
    assert isinstance(network, TorchNetwork if gpu else OnnxNetwork)


def test_unknown_devices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        Detector.load(write(tmp_path, 0, 64), "light", 10, "tpu")
    assert caught.value.code == "bad_device"


@pytest.mark.parametrize("damage", ["missing", "unexpected", "shape"])
@pytest.mark.parametrize("file", ["backbone", "head"])
def test_weights_of_another_network_are_refused(damage: str, file: str, tmp_path: Path) -> None:
    models = write(tmp_path, 0, 64)
    folder = models / "light"
    name = {"backbone": "backbone.safetensors", "head": "head-10.safetensors"}[file]
    path = folder / name
    from safetensors.torch import load_file

    tensors = load_file(path)
    first = next(key for key, value in tensors.items() if value.dim() > 1)
    if damage == "missing":
        del tensors[first]
    elif damage == "unexpected":
        tensors["other.weight"] = torch.zeros(1)
    else:
        tensors[first] = tensors[first][:-1].contiguous()
    metadata = read_metadata(path, BackboneMetadata if file == "backbone" else HeadMetadata)
    save_checkpoint(path, tensors, metadata)
    folded = open_folder(models, "light")
    metadata = read_metadata(folded.heads[10].path, HeadMetadata)
    with pytest.raises(CheckpointError) as caught:
        networks.load_network(folded.backbone, folded.heads[10], metadata, "cpu")
    assert caught.value.code == "wrong_shapes"
    assert name in caught.value.message


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    models = write(tmp_path, 0, 64)
    folder = open_folder(models, "light")
    pinned = folder.heads[10]
    metadata = read_metadata(pinned.path, HeadMetadata)
    pinned.path.write_bytes(pinned.path.read_bytes()[:-1] + b"!")
    with pytest.raises(CheckpointError) as caught:
        networks.load_network(folder.backbone, pinned, metadata, "cpu")
    assert caught.value.code == "hash_mismatch"
    gone = PinnedFile(tmp_path / "none.safetensors", "0" * 64)
    with pytest.raises(CheckpointError) as caught:
        networks.load_network(folder.backbone, gone, metadata, "cpu")
    assert caught.value.code == "bad_checkpoint"


def with_second_look(tmp_path: Path, name: str = SECOND_LOOK) -> Path:
    """A detector of light weights whose head reads a second network as well."""
    models = write(tmp_path, 0, 64)
    file = models / "light" / "second.safetensors"
    about = read_metadata(models / "light" / "backbone.safetensors", BackboneMetadata)
    second = {key: value.half() for key, value in unlike_new(SecondLook(name)).state_dict().items()}
    save_checkpoint(file, second, replace(about, backbone=name), second=True)
    path = models / "light" / "head-10.safetensors"
    channels = SECOND_LOOKS[name].channels
    reads = SequenceHead(HeadConfig(**DIMENSIONS, second=channels))
    for parameter in reads.parameters():
        nn.init.normal_(parameter, 0, 0.05)
    told = read_metadata(path, HeadMetadata)
    dimensions = DIMENSIONS | {"second": channels}
    told = replace(told, dimensions=dimensions, second_sha256=sha256_of(file), second_frames=3)
    save_checkpoint(path, reads.state_dict(), told)
    return models


@pytest.mark.parametrize("name", SECOND_LOOKS)
def test_the_second_look_is_that_of_torch(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = with_second_look(tmp_path, name)
    detector = Detector.load(models, "light", 10, "cpu")
    assert isinstance(detector.network, OnnxNetwork)
    other = in_torch(models, monkeypatch)
    pictures = crops(7, 64)
    found, expected = detector.network.embed_second(pictures), other.embed_second(pictures)
    assert found.shape == (7, SECOND_LOOKS[name].channels)
    assert expected.std() > 0.05
    assert np.abs(found - expected).max() < 1e-3
    people = [detector.embed(pictures), detector.embed(pictures[:2])]
    second = detector.look_again([pictures, pictures[:2]])
    assert second is not None
    assert np.allclose(second[0], found[[1, 3, 5]].mean(axis=0), atol=1e-4)  # the middles of three parts
    assert np.allclose(second[1], found[:2].mean(axis=0), atol=1e-4)
    scores, plain = detector.score_embeddings(people, second=second), other.logits(people)
    for mine, (frames, person), (alone, _) in zip(
        scores, other.logits(people, None, second), plain, strict=True
    ):
        assert np.abs(np.array(mine.frames) - frames).max() < 1e-3
        assert mine.person == pytest.approx(person, abs=1e-3)
        assert np.ptp(frames - alone) < 1e-4  # the same for every frame, so the timeline adds up
        assert abs(frames[0] - alone[0]) > 1e-3


def test_a_head_says_how_the_second_network_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of one file serve several ways of reading them."""
    old, new = SECOND_LOOKS
    models = with_second_look(tmp_path, new)
    file = models / "light" / "second.safetensors"
    tensors, about = load_file(file), read_metadata(file, BackboneMetadata)
    expected = Detector.load(models, "light", 10, "cpu").network.embed_second(crops(3, 64))
    save_checkpoint(file, tensors, replace(about, backbone=old), second=True)
    path = models / "light" / "head-10.safetensors"
    told = replace(read_metadata(path, HeadMetadata), second_sha256=sha256_of(file), second_backbone=new)
    save_checkpoint(path, load_file(path), told)
    found = Detector.load(models, "light", 10, "cpu").network.embed_second(crops(3, 64))
    assert np.allclose(found, expected, atol=1e-5)
    assert np.allclose(in_torch(models, monkeypatch).embed_second(crops(3, 64)), expected, atol=1e-3)


def test_a_second_look_is_never_left_out(tmp_path: Path) -> None:
    detector = Detector.load(with_second_look(tmp_path), "light", 10, "cpu")
    with pytest.raises(ValueError, match="look_again"):
        detector.score_embeddings([detector.embed(crops(3, 64))], second=None)


def test_a_second_network_of_another_detector_is_refused(tmp_path: Path) -> None:
    models = with_second_look(tmp_path)
    file = models / "light" / "second.safetensors"
    about = read_metadata(file, BackboneMetadata)
    other = {key: value.half() for key, value in SecondLook().state_dict().items()}
    save_checkpoint(file, other, about, second=True)
    with pytest.raises(CheckpointError, match="do not belong together"):
        Detector.load(models, "light", 10, "cpu")
