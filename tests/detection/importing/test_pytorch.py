"""Published checkpoints: their pre-processing and output reproduced, everything else refused with a reason.

The published steps are written down here a second time, straight from their description, with the libraries
that they used (cv2's reader, face_recognition, torchvision's transforms), and share no code with the
detector.
"""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from django.core.management import call_command
from torch import nn
from torchvision import models, transforms

from ml_app.detection.importing.pytorch import expected_shapes
from tests.detection.importing.refusals import refusal
from tests.media import Clips, picture

FRAMES = 10


class PublishedModel(nn.Module):
    """The network as published."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(*list(models.resnext50_32x4d(weights=None).children())[:-2])
        self.lstm = nn.LSTM(2048, 2048, 1, False)  # the fourth argument is `bias`
        self.dp = nn.Dropout(0.4)
        self.linear1 = nn.Linear(2048, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, channels, height, width = x.shape
        features = self.avgpool(self.model(x.view(batch * length, channels, height, width)))
        states, _ = self.lstm(features.view(batch, length, 2048), None)
        return self.dp(self.linear1(states[:, -1, :]))


def published_input(path: Path, *, last: int = FRAMES) -> torch.Tensor:
    """The first frames of the file as the published data set makes them: (1, frames, 3, 112, 112)."""
    import face_recognition

    transform = transforms.Compose(
        [
            transforms.ToPILImage(),
            transforms.Resize((112, 112)),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    reader = cv2.VideoCapture(str(path))
    frames = []
    while len(frames) < last:
        success, image = reader.read()  # BGR
        if not success:
            break
        faces = face_recognition.face_locations(image)
        if faces:
            top, right, bottom, left = faces[0]
            image = image[top:bottom, left:right, :]
        frames.append(transform(image))
    return torch.stack(frames)[None]


def published_answer(model: PublishedModel, inputs: torch.Tensor) -> float:
    with torch.inference_mode():
        return float(torch.softmax(model(inputs), dim=1)[0, 0])


def far_away(time_s: float) -> Any:
    """A face that upsampling alone finds, near the edge."""
    image = picture(0, (480, 360), people=0).copy()
    face = picture(time_s, (200, 140))
    image[200 : 200 + 140, 280 : 280 + 200] = face
    return image


CLIPS: dict[str, dict[str, Any]] = {
    "a face, turned by metadata": {"rotation": 90, "size": (240, 320)},
    "no face": {"people": 0},
    "two people, colours of high definition": {
        "people": 2,
        "size": (480, 240),
        "options": {"colorspace": "bt709"},
    },
    "a small face, fewer than ten frames": {"draw": far_away, "size": (480, 360), "seconds": 0.2},
}


@pytest.fixture(scope="module")
def inputs(clips: Clips) -> dict[str, torch.Tensor]:
    """What the published steps make of each clip."""
    return {name: published_input(make(clips, name)) for name in CLIPS}


@pytest.fixture(scope="module")
def answers(published: tuple[PublishedModel, Path], inputs: dict[str, torch.Tensor]) -> dict[str, float]:
    """The published probability of FAKE of each clip."""
    return {name: published_answer(published[0], video) for name, video in inputs.items()}


def make(clips: Clips, name: str) -> Path:
    return clips(**{"seconds": 0.5, **CLIPS[name]})


@pytest.fixture(scope="module")
def published(
    inputs: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory
) -> tuple[PublishedModel, Path]:
    """A network with random weights that answer differently to different faces, and its file."""
    torch.manual_seed(3)
    model = PublishedModel().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # statistics that are not those of a fresh network
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.7, 1.5)
    _spread_answers(model, inputs.values())
    path = tmp_path_factory.mktemp("published") / f"model_93_acc_{FRAMES}_frames_final_data.pt"
    torch.save(model.state_dict(), path)
    return model, path


def _spread_answers(model: PublishedModel, inputs: Iterable[torch.Tensor]) -> None:
    """Scale the last layer so that the clips get different answers, none near to 0 or 1."""
    nn.init.zeros_(model.linear1.bias)
    with torch.inference_mode():
        # The last frame alone, which changes nothing: see test_networks.
        logits = torch.cat([-torch.diff(model(video[:, -1:])).flatten() for video in inputs])
    scale = 2.5 / float(logits.max() - logits.min())
    with torch.no_grad():
        model.linear1.weight.mul_(scale)
        model.linear1.bias[0] = -scale * float(logits.max() + logits.min()) / 2


@pytest.fixture(scope="module")
def installed(published: tuple[PublishedModel, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the imported checkpoint."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.MODELS_DIR", folder)
        call_command("import_checkpoint", str(published[1]), "--name", "published-10", stdout=io.StringIO())
    return folder


def analyze(settings: Any, folder: Path, *arguments: str) -> dict[str, Any]:
    settings.MODELS_DIR, settings.DEVICE = folder, "cpu"
    output = io.StringIO()
    call_command("analyze", *arguments, "--detector", "published-10", "--json", stdout=output)
    return dict(json.loads(output.getvalue()))


@pytest.mark.parametrize("name", CLIPS)
def test_the_published_steps_are_reproduced(
    name: str,
    *,
    inputs: dict[str, torch.Tensor],
    answers: dict[str, float],
    installed: Path,
    clips: Clips,
    settings: Any,
) -> None:
    expected = answers[name]
    line = analyze(settings, installed, str(make(clips, name)))
    assert line["error"] is None
    assert line["fake_probability"] == pytest.approx(expected, abs=1e-4)
    assert line["verdict"] == ("fake" if expected >= 0.5 else "real")
    assert line["frames_requested"] == FRAMES
    assert line["frames_analysed"] == inputs[name].shape[1]
    assert line["faces"][0]["frames"][-1]["fake_probability"] == pytest.approx(expected, abs=1e-4)


def test_the_test_above_could_fail(
    published: tuple[PublishedModel, Path], inputs: dict[str, torch.Tensor], answers: dict[str, float]
) -> None:
    """Another frame, colour order or cut changes the published answer by far more than 1e-4."""
    assert all(0.1 < answer < 0.9 for answer in answers.values())
    video = inputs["two people, colours of high definition"]
    for other in (video[:, :-4], video.flip(2), torch.roll(video, 1, dims=-1)):
        change = (
            published_answer(published[0], other[:, -1:]) - answers["two people, colours of high definition"]
        )
        assert abs(change) > 5e-4


def test_the_published_state_dict_is_the_expected_one(published: tuple[PublishedModel, Path]) -> None:
    shapes = {key: tuple(value.shape) for key, value in published[0].state_dict().items()}
    assert expected_shapes() == shapes
    assert len(shapes) == 322


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.witness,)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A models folder without a detector."""
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def save(path: Path, value: Any) -> Path:
    torch.save(value, path)
    return path


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Quota exceeded</body></html>", "is a web page"),
        (b'\n <?xml version="1.0"?><html></html>', "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
        (b"just some words", "not a file that torch.save wrote"),
        (b"PK\x03\x04" + bytes(500), "damaged or was not downloaded to its end"),
        (b"\x80\x02}q\x00X\x05", "not a file that torch.save wrote"),
        (bytes.fromhex("80028a0a6cfc9c46f9206aa850192e8002"), "damaged or was not downloaded to its end"),
    ],
)
def test_what_is_no_checkpoint(content: bytes, says: str, tmp_path: Path, empty: Path, settings: Any) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    assert says in refusal(settings, empty, tmp_path / "model.pt")


def test_a_truncated_download(
    published: tuple[PublishedModel, Path], tmp_path: Path, empty: Path, settings: Any
) -> None:
    whole = published[1].read_bytes()
    for share in (0.1, 0.9, 0.999):
        path = tmp_path / "model.pt"
        path.write_bytes(whole[: int(len(whole) * share)])
        assert "Download it again" in refusal(settings, empty, path)


def test_a_download_with_a_hole(tmp_path: Path, empty: Path, settings: Any) -> None:
    path = save(tmp_path / "model.pt", {"a": torch.arange(10000)})
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("model/data.pkl").header_offset
    data = bytearray(path.read_bytes())
    data[start + 64 : start + 100] = bytes(36)
    path.write_bytes(data)
    assert "Download it again" in refusal(settings, empty, path)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_wants_to_run_code(legacy: bool, tmp_path: Path, empty: Path, settings: Any) -> None:
    witness = tmp_path / "it-ran"
    path = tmp_path / "model.pt"
    torch.save({"model.0.weight": Bomb(witness)}, path, _use_new_zipfile_serialization=not legacy)
    assert "could run code" in refusal(settings, empty, path)
    assert not witness.exists()


def test_a_bare_pickle_that_wants_to_run_code(tmp_path: Path, empty: Path, settings: Any) -> None:
    (tmp_path / "model.pt").write_bytes(pickle.dumps(Bomb(tmp_path / "it-ran")))
    refusal(settings, empty, tmp_path / "model.pt")
    assert not (tmp_path / "it-ran").exists()


def test_another_architecture(tmp_path: Path, empty: Path, settings: Any) -> None:
    path = save(tmp_path / "model.pt", models.resnet18(weights=None).state_dict())
    message = refusal(settings, empty, path)
    assert "not a published ResNeXt-50 and LSTM checkpoint" in message
    assert "missing" in message
    assert "unknown" in message


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([1, 2], "it holds a list"),
        ({}, "322"),
        ({"epoch": 3}, "unknown, such as 'epoch'"),
    ],
)
def test_another_content(value: Any, says: str, tmp_path: Path, empty: Path, settings: Any) -> None:
    message = refusal(settings, empty, save(tmp_path / "model.pt", value))
    assert says in message or (says == "322" and "269 tensors are missing" in message)


def light_state() -> dict[str, torch.Tensor]:
    """All keys and shapes, without 226 MB behind them."""
    return {key: torch.zeros(()).expand(shape) for key, shape in expected_shapes().items()}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("linear1.weight", torch.zeros(3, 2048), r"'linear1.weight' has the shape (3, 2048), and (2, 2048)"),
        ("lstm.bias_ih_l0", torch.zeros(8192), "unknown, such as 'lstm.bias_ih_l0'"),
        ("linear1.bias", "zero", "'linear1.bias' is no tensor"),
        ("linear1.bias", torch.tensor([0.0, float("nan")]), "not finite"),
    ],
)
def test_wrong_tensors(
    key: str, value: Any, says: str, *, tmp_path: Path, empty: Path, settings: Any
) -> None:
    path = save(tmp_path / "model.pt", {**light_state(), key: value})
    assert says in refusal(settings, empty, path)


def test_a_name_without_a_frame_count(tmp_path: Path, empty: Path, settings: Any) -> None:
    path = save(tmp_path / "model.pt", {})
    assert "Add --frames" in refusal(settings, empty, path, "--name", "new")


@pytest.mark.parametrize("name", ["../evil", "a b", ".hidden", ""])
def test_a_name_that_is_none(name: str, tmp_path: Path, empty: Path, settings: Any) -> None:
    path = save(tmp_path / "model.pt", {})
    assert "cannot name a detector" in refusal(settings, empty, path, f"--name={name}", "--frames=10")


def test_a_name_that_is_taken(published: tuple[PublishedModel, Path], installed: Path, settings: Any) -> None:
    assert "installed already" in refusal(settings, installed, published[1], "--name", "published-10")


def test_a_missing_file(tmp_path: Path, empty: Path, settings: Any) -> None:
    assert "cannot be opened" in refusal(settings, empty, tmp_path / "none.pt")


def test_files_of_older_kinds(published: tuple[PublishedModel, Path], tmp_path: Path, settings: Any) -> None:
    """Before torch 1.6 there was no archive; a file saved from several GPUs carries a prefix."""
    state = {f"module.{k}": v for k, v in published[0].state_dict().items() if "num_batches" not in k}
    path = tmp_path / "model_97_acc_100_frames_FF_data.pt"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    settings.MODELS_DIR = tmp_path / "models"
    output = io.StringIO()
    call_command("import_checkpoint", str(path), "--name", "old", stdout=output)
    assert "'old' for 100 frames" in output.getvalue()
    shutil.rmtree(tmp_path)  # half a gigabyte
