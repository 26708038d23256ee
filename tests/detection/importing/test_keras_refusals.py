"""What is no landmark network of Keras' is refused, each with a reason of its own and nothing left behind."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ml_app.detection.importing import hdf5
from tests.detection.importing.keras_files import (
    FRAMES,
    KerasLayer,
    conv,
    dense,
    described,
    lstm,
    normal,
    pool,
    published_like,
    write_keras,
    write_range,
)
from tests.detection.importing.refusals import refusal

RNG = np.random.default_rng(0)
INPUT = {"batch_input_shape": [None, FRAMES, 136]}


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """A folder with the arrays, beside one for detectors."""
    settings.MODELS_DIR = tmp_path / "models"
    settings.MODELS_DIR.mkdir()
    (tmp_path / "published").mkdir()
    write_range(tmp_path / "published")
    return tmp_path / "published"


def refused(folder: Path, settings: Any, file: str = "model.h5", *arguments: str) -> str:
    return refusal(settings, settings.MODELS_DIR, folder / file, "--name", "new", *arguments)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html></html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"PK\x03\x04" + bytes(50), "newer .keras format"),
        (b"words", "is not an HDF5 file"),
        (hdf5.SIGNATURE + bytes(500), "damaged or was not downloaded to its end"),
    ],
)
def test_what_is_no_hdf5(content: bytes, says: str, folder: Path, settings: Any) -> None:
    (folder / "model.h5").write_bytes(content)
    assert says in refused(folder, settings)


def test_damaged_files(folder: Path, settings: Any) -> None:
    """Cut off, and with a hole where the description lies."""
    path = write_keras(folder / "model.h5", published_like())
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        assert "Download it again" in refused(folder, settings)
    path.write_bytes(whole[:100] + bytes(2000) + whole[2100:])
    assert "Download it again" in refused(folder, settings)


def test_a_missing_file_and_a_bad_name(folder: Path, settings: Any) -> None:
    assert "cannot be opened" in refused(folder, settings)
    message = refusal(settings, settings.MODELS_DIR, folder / "model.h5", "--name", "a b")
    assert "cannot name a detector" in message


def test_a_file_that_is_too_large(folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write_keras(folder / "model.h5", published_like())
    monkeypatch.setattr(hdf5, "MAX_BYTES", 1 << 10)
    assert "at most 0 MB are read" in refused(folder, settings)


def test_h5py_is_not_there(folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write_keras(folder / "model.h5", published_like())
    monkeypatch.setitem(sys.modules, "h5py", None)
    message = refused(folder, settings)
    assert "needs h5py" in message
    assert "requirements-training.txt" in message


def test_options_of_other_files(folder: Path, settings: Any) -> None:
    (folder / "model_10_frames.pt").write_bytes(b"words")
    assert "belong to .h5 files" in refused(folder, settings, "model_10_frames.pt", "--classes", "real,fake")


def change(path: Path, what: Callable[[h5py.File], None]) -> None:
    with h5py.File(write_keras(path, published_like()), "r+") as file:
        what(file)


def weights_alone(file: h5py.File) -> None:
    del file.attrs["model_config"]
    file.attrs["layer_names"] = [b"conv1d"]


def linked(file: h5py.File) -> None:
    del file["model_weights/dense/dense/kernel:0"]
    file["model_weights/dense/dense/kernel:0"] = h5py.ExternalLink("other.h5", "/kernel")


def kept_elsewhere(file: h5py.File) -> None:
    del file["model_weights/dense/dense/kernel:0"]
    file["model_weights/dense/dense"].create_dataset(
        "kernel:0", (6, 5), "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)]
    )


def of_integers(file: h5py.File) -> None:
    del file["model_weights/dense/dense/kernel:0"]
    file["model_weights/dense/dense/kernel:0"] = np.zeros((6, 5), np.int32)


def not_finite(file: h5py.File) -> None:
    file["model_weights/dense/dense/kernel:0"][0, 0] = np.nan


def huge(file: h5py.File) -> None:
    """A terabyte that takes no room in the file."""
    del file["model_weights/dense/dense/kernel:0"]
    file["model_weights/dense/dense"].create_dataset("kernel:0", (1 << 19, 1 << 19), "f4", chunks=(64, 64))


def test_a_reader_that_does_not_come_to_an_end(
    folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5's library can be kept busy for ever by a damaged file."""
    write_keras(folder / "model.h5", published_like())
    monkeypatch.setattr(hdf5, "WALL_SECONDS", 0.01)
    assert "Download it again" in refused(folder, settings)


def test_a_reader_that_crashes(folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write_keras(folder / "model.h5", published_like())
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "Download it again" in refused(folder, settings)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (weights_alone, "holds weights without the network"),
        (lambda file: file.attrs.__delitem__("model_config"), "has no model_config"),
        (lambda file: file.attrs.__setitem__("model_config", "[]"), "is no object"),
        (lambda file: file.attrs.__setitem__("model_config", '{"a'), "Download it again"),
        (lambda file: file.attrs.__setitem__("model_config", "[" * 60000), "Download it again"),
        (lambda file: file.__delitem__("model_weights"), "holds no weights"),
        (lambda file: file.__delitem__("model_weights/dense"), "Download it again"),
        (lambda file: file.__delitem__("model_weights/dense/dense/kernel:0"), "Download it again"),
        (linked, "lying elsewhere"),
        (kept_elsewhere, "lie in another file"),
        (of_integers, "no real numbers"),
        (not_finite, "not finite"),
        (huge, "million weights"),
    ],
)
def test_hostile_and_incomplete_files(what: Any, says: str, folder: Path, settings: Any) -> None:
    change(folder / "model.h5", what)
    assert says in refused(folder, settings)


def test_weights_that_do_not_fit(folder: Path, settings: Any) -> None:
    layers = published_like()
    layers[-2].weights = {path: value[..., :4] for path, value in layers[-2].weights.items()}
    write_keras(folder / "model.h5", layers)
    message = refused(folder, settings)
    assert "The layer 'dense' (dense) does not fit" in message
    layers[-2].weights = {}
    write_keras(folder / "model.h5", layers)
    assert "(6, 5)" in refused(folder, settings)


def ending(*layers: KerasLayer) -> list[KerasLayer]:
    return [lstm("lstm", 136, 4, RNG, **INPUT), *layers]


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        (ending(KerasLayer("GRU", {"name": "gru"})), "'gru' (GRU) is of a kind that is not known here"),
        (ending(KerasLayer("Bidirectional", {"name": "both"})), "'both' (Bidirectional) is of a kind"),
        ([conv("c", (3, 136, 2), RNG, data_format="channels_first", **INPUT)], "data_format"),
        ([conv("c", (3, 136, 2), RNG, groups=2, **INPUT)], "groups = 2"),
        ([conv("c", (3, 136, 2), RNG, activation="mish", **INPUT)], "activation = 'mish'"),
        ([conv("c", (3, 136, 2), RNG, padding="reflect", **INPUT)], "'valid' or 'same' or 'causal'"),
        ([conv("c", (3, 136, 2), RNG, kernel_size=[0], **INPUT)], "kernel_size"),
        ([conv("c", (3, 136, 2), RNG, use_bias="yes", **INPUT)], "neither true nor false"),
        ([conv("c", (3, 136, 2), RNG, dtype="mixed_float16", **INPUT)], "computes in 'mixed_float16'"),
        ([conv("c", (3, 136, 2), RNG, sharpen=2, **INPUT)], "the setting sharpen = '2'"),
        ([lstm("l", 136, 4, RNG, stateful=True, **INPUT)], "'l' (LSTM) has stateful = True"),
        ([pool("p", pool_size=[20], **INPUT), *ending()[1:], dense("d", 136, 1, RNG, "sigmoid")], "20 steps"),
        (ending(normal("n", 4, RNG, axis=1), dense("d", 4, 2, RNG, "sigmoid")), "2 outputs"),
        (ending(dense("d", 4, 1, RNG, "linear")), "activation linear). It must end with"),
        (ending(dense("d", 4, 1, RNG, "softmax")), "It must end with"),
        (ending(dense("d", 4, 3, RNG, "softmax")), "3 outputs"),
        (ending(), "It must end with"),
        ([dense("d", 136, 1, RNG, "sigmoid")], "does not tell what it reads"),
        ([conv("c", (3, 128, 2), RNG, batch_input_shape=[None, 10, 128])], "reads (10, 128)"),
        ([conv("c", (3, 136, 2), RNG, batch_input_shape=[None, None, 136])], "Add --frames"),
        ([conv("c", (3, 136, 2), RNG)], "does not tell what it reads"),
        ([conv("c", (3, 136, 2), RNG, batch_input_shape=[None, 5000, 136])], "1000 are the most"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_exactly(
    layers: list[KerasLayer], says: str, folder: Path, settings: Any
) -> None:
    write_keras(folder / "model.h5", layers)
    assert says in refused(folder, settings)


def test_steps_that_are_normalised_instead_of_channels(folder: Path, settings: Any) -> None:
    layers = [normal("n", FRAMES, RNG, axis=1), *ending(dense("d", 4, 1, RNG, "sigmoid"))]
    layers[0].config |= INPUT
    write_keras(folder / "model.h5", layers)
    assert "'n' (batch_normalization) does not fit: it normalises the axis 1" in refused(folder, settings)


def test_an_answer_for_each_frame(folder: Path, settings: Any) -> None:
    layers = [lstm("l", 136, 4, RNG, return_sequences=True, **INPUT), dense("d", 4, 1, RNG, "sigmoid")]
    write_keras(folder / "model.h5", layers)
    assert "There are outputs (10, 1)" in refused(folder, settings)


def test_an_activation_that_depends_on_the_version(folder: Path, settings: Any) -> None:
    layers = [lstm("l", 136, 4, RNG, recurrent_activation="hard_sigmoid", **INPUT)]
    write_keras(folder / "model.h5", layers, version=None)
    assert "does not tell the version of Keras" in refused(folder, settings)


def test_weights_that_overflow(folder: Path, settings: Any) -> None:
    layers = [lstm("l", 136, 4, RNG, **INPUT), *(dense(f"d{i}", 4, 4, RNG, "linear") for i in range(3))]
    layers.append(dense("d", 4, 1, RNG, "sigmoid"))
    for layer in layers[1:]:
        layer.weights = {path: value + np.float32(1e30) for path, value in layer.weights.items()}
    write_keras(folder / "model.h5", layers)
    assert "answers are not finite" in refused(folder, settings)


def test_models_that_are_not_sequential(folder: Path, settings: Any) -> None:
    config = described(published_like()) | {"class_name": "Functional"}
    write_keras(folder / "model.h5", published_like(), config=config)
    assert "The model is a 'Functional', and only Sequential ones" in refused(folder, settings)
    write_keras(folder / "model.h5", [], config={"class_name": "Sequential", "config": {"layers": []}})
    assert "it has no layers" in refused(folder, settings)
    config = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": INPUT}, 3]}}
    write_keras(folder / "model.h5", [], config=config)
    assert "units = None" in refused(folder, settings)


def test_another_number_of_frames_than_the_models(folder: Path, settings: Any) -> None:
    write_keras(folder / "model.h5", published_like())
    assert "was made for 10 frames" in refused(folder, settings, "model.h5", "--frames", "20")


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (np.zeros(135), np.ones(135), "has the shape (135,)"),
        (np.zeros((11, 136)), 1.0, "has the shape (11, 136)"),
        (np.zeros(136), np.zeros(136), "is not above min_val.npy for 136 numbers"),
        (1.0, np.r_[np.full(40, 2.0), 0.5, np.full(95, 2.0)], "the first being 40 of frame 0"),
        (np.full(136, np.nan), 1.0, "not finite"),
        (np.array(["a"] * 136), 1.0, "not one plain array of numbers"),
    ],
)
def test_ranges_that_cannot_be_used(low: Any, high: Any, says: str, folder: Path, settings: Any) -> None:
    write_keras(folder / "model.h5", published_like())
    write_range(folder, low, high)
    assert says in refused(folder, settings)


def test_range_files_that_are_none(folder: Path, settings: Any) -> None:
    write_keras(folder / "model.h5", published_like())
    path = folder / "min_val.npy"
    header = b"\x93NUMPY\x01\x00v\x00" + (
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 136), }".ljust(117) + b"\n"
    )
    objects = np.array([{"a": 1}] * 136, dtype=object)
    for content in (b"words", b"", path.read_bytes()[:-4], header, pickle.dumps([1]), _saved(objects)):
        path.write_bytes(content)
        assert "Pickled objects are refused" in refused(folder, settings)
    np.savez(folder / "both.npz", low=np.zeros(136))
    message = refused(folder, settings, "model.h5", "--min-values", str(folder / "both.npz"))
    assert "both.npz is not one plain array" in message
    path.unlink()
    message = refused(folder, settings)
    assert "min_val.npy is not there" in message
    assert "--min-values" in message


def _saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()
