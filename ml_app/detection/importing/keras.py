"""Import published landmark networks: a Keras `.h5` file with the range that its inputs are scaled by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_app.detection.checkpoints.files import save_checkpoint
from ml_app.detection.checkpoints.layers import Layer
from ml_app.detection.checkpoints.manifest import DetectorFolder, sha256_of
from ml_app.detection.checkpoints.metadata import (
    BackboneMetadata,
    Decision,
    HeadMetadata,
    Preprocessing,
    Sampling,
)
from ml_app.detection.errors import CheckpointError
from ml_app.detection.importing.hdf5 import KerasFile, read_keras
from ml_app.detection.importing.keras_layers import to_layer
from ml_app.detection.importing.landmark_range import read_range
from ml_app.detection.importing.target import UNKNOWN, check_name, install
from ml_app.detection.networks.keras.sequential import ARCHITECTURE, LANDMARKS, POINTS, KerasSequential

CLASSES = ("real", "fake")  # 0 and 1, as most number them
MAX_FRAMES = 1000
PREPROCESSING = Preprocessing(image_size=0, margin=1.42, reads="landmarks")

Weights = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class RangeFiles:
    """Where the arrays are; None: `min_val.npy` and `max_val.npy` beside the `.h5` file."""

    minimum: Path | None = None
    maximum: Path | None = None


def import_keras(
    path: Path,
    models_dir: Path,
    name: str,
    frames: int | None = None,
    *,
    ranges: RangeFiles | None = None,
    classes: Sequence[str] = CLASSES,
) -> DetectorFolder:
    """Convert a Keras model over landmarks into `models_dir/name`.

    Args:
        path: What `model.save('….h5')` wrote: a Sequential from (frames, 136) to one sigmoid or two softmax.
        models_dir: Where the detectors' folders are.
        name: Of the new folder and detector: letters, digits, dots, dashes and underscores.
        frames: How many frames the network reads; by default what the file says.
        ranges: The files with the smallest and the largest landmarks of the training set.
        classes: What 0 and 1 stand for: "real" and "fake" in their order.

    Raises:
        CheckpointError: It is no such file, cannot be computed exactly, is damaged, or the name is taken; the
        message says which.
    """
    check_name(models_dir, name)
    file, ranges = read_keras(path), ranges or RangeFiles()
    shape = _input_shape(file.config, frames)
    layers, labels = _without_output(_described(file), tuple(classes))
    layers.insert(0, Layer("reshape", "input", target_shape=shape))
    weights = {
        f"{number}.{weight}": array
        for number, layer in enumerate(layers)
        for weight, array in file.weights.get(layer.name, {}).items()
        if number
    }
    try:
        network = KerasSequential(layers, weights, labels, shape[0])
    except ValueError as error:
        raise CheckpointError("wrong_shapes", f"{path.name} does not fit together. {error}") from error
    _try(network, shape[0])
    arrays = read_range(
        ranges.minimum or path.with_name("min_val.npy"),
        ranges.maximum or path.with_name("max_val.npy"),
        shape[0],
    )
    converted = _Converted(name, path, tuple(layers), weights, labels, shape[0], arrays)
    return install(models_dir, name, converted.write)


def _try(network: KerasSequential, frames: int) -> None:
    """See that the network has an answer for what it may be shown."""
    shown = np.random.default_rng(0).uniform(-1, 2, (4, frames, POINTS)).astype(np.float32)
    with np.errstate(all="ignore"):
        answers = network.logits(shown)
    if not np.isfinite(answers).all():
        raise CheckpointError(
            "bad_numbers", "The network's answers are not finite: its weights are too large."
        )


@dataclass(frozen=True, slots=True)
class _Converted:
    name: str
    source: Path
    layers: tuple[Layer, ...]
    weights: Weights
    labels: tuple[str, ...]
    frames: int
    ranges: Mapping[str, npt.NDArray[np.float64]]

    def write(self, folder: Path) -> None:
        """Into a folder that is not there yet."""
        import torch  # noqa: PLC0415 - what checkpoints are written with

        digest = sha256_of(self.source)
        told: dict[str, Any] = {
            "name": self.name,
            "version": f"imported-{digest[:12]}",
            "preprocessing": PREPROCESSING,
            "training_data": f"{UNKNOWN}. Converted from {self.source.name}, SHA-256 {digest}",
            "licence": UNKNOWN,
        }
        backbone = folder / "backbone.safetensors"
        scaled_by = {key: torch.tensor(value) for key, value in self.ranges.items()}
        save_checkpoint(backbone, scaled_by, BackboneMetadata(backbone=LANDMARKS, **told))
        metadata = HeadMetadata(
            architecture=ARCHITECTURE,
            frame_count=self.frames,
            backbone_sha256=sha256_of(backbone),
            dimensions={"points": POINTS},
            sampling=Sampling("first"),
            label_order=self.labels,
            layers=self.layers,
            decision=Decision(threshold=0.5, uncertain_low=0.5, uncertain_high=0.5),
            **told,
        )
        tensors = {key: torch.tensor(value) for key, value in self.weights.items()}
        save_checkpoint(folder / f"head-{self.frames}.safetensors", tensors, metadata)


def _model(config: Mapping[str, Any]) -> tuple[list[Any], Mapping[str, Any]]:
    """The layers of a Sequential as they are described, and the model's other settings."""
    if config.get("class_name") != "Sequential":
        raise CheckpointError(
            "not_sequential",
            f"The model is a {str(config.get('class_name'))[:60]!r}, and only Sequential ones are imported: "
            "layers in a row. If it is one in fact, its author can build it so and save it again.",
        )
    inner = config.get("config")
    settings = inner if isinstance(inner, dict) else {"layers": inner}  # before Keras 2.2.3 a list
    layers = settings.get("layers")
    if not isinstance(layers, list) or not layers or not isinstance(layers[0], dict):
        raise CheckpointError("not_a_model", "The model's description is damaged: it has no layers.")
    return layers, settings


def _input_shape(config: Mapping[str, Any], frames: int | None) -> tuple[int, ...]:
    """Of one sequence; the first of it is how many frames are read."""
    layers, settings = _model(config)
    first = layers[0].get("config")
    first = first if isinstance(first, dict) else {}
    shape = first.get("batch_input_shape") or first.get("batch_shape") or settings.get("build_input_shape")
    sizes = shape[1:] if isinstance(shape, list) else []
    if sizes and sizes[0] is None:
        if frames is None:
            raise CheckpointError(
                "frames_unknown",
                "The model does not tell how many frames it was made for. Add --frames, such as --frames 30.",
            )
        sizes = [frames, *sizes[1:]]
    if not sizes or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise CheckpointError(
            "no_input_shape", f"The model's first layer does not tell what it reads: {shape!r:.80}."
        )
    if tuple(sizes[1:]) not in ((POINTS,), (POINTS, 1), (POINTS // 2, 2), (POINTS // 2, 2, 1)):
        raise CheckpointError(
            "wrong_input",
            f"The model reads {tuple(sizes)}, and (frames, {POINTS}) or (frames, 68, 2) is known: x and y of "
            "dlib's 68 points in each frame. Networks over pixels or over other points are not imported.",
        )
    if frames not in (None, sizes[0]) or sizes[0] > MAX_FRAMES:
        raise CheckpointError(
            "wrong_frames",
            f"The model was made for {sizes[0]} frames, and {MAX_FRAMES} are the most; --frames cannot "
            "change that.",
        )
    return tuple(sizes)


def _described(file: KerasFile) -> list[Layer]:
    layers, _ = _model(file.config)
    return [
        layer for entry in layers if (layer := to_layer(entry, file.keras_version))
    ]  # without what does nothing


def _without_output(layers: list[Layer], classes: tuple[str, ...]) -> tuple[list[Layer], tuple[str, ...]]:
    """The layers up to the logits before the last sigmoid or softmax, and what these stand for."""
    if sorted(classes) != sorted(CLASSES):
        raise CheckpointError(
            "bad_classes", "The classes 0 and 1 are 'real' and 'fake': --classes real,fake or fake,real."
        )
    last = layers[-1] if layers else Layer("flatten", "none")
    units = next((layer.units for layer in reversed(layers) if layer.kind == "dense"), 0)
    if last.each_step or (last.activation, units) not in (("sigmoid", 1), ("softmax", 2)):
        raise CheckpointError(
            "wrong_output",
            f"The model ends with the layer {last.name!r} ({last.kind}, {units} outputs, activation "
            f"{last.activation}). It must end with one output with sigmoid, or two with softmax, for the "
            "whole sequence.",
        )
    if last.kind == "activation":
        layers = layers[:-1]
    elif last.kind == "dense":
        layers = [*layers[:-1], replace(last, activation="linear")]
    return layers, classes if units == 2 else classes[1:]
