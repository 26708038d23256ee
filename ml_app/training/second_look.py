"""Give a finished detector a second look at a few frames (`detection.networks.second_look`).

Neither part is taught anything here: one is a finished run of the recipe `tight` with its own classifier, the
other the transformer as it was published, whose tokens a logistic regression reads. Both logits are added to
the detector's own, by factors that were chosen on the dev clips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from ml_app.detection.checkpoints.files import load_tensors, read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import MANIFEST, PinnedFile, open_folder, sha256_of, unpin
from ml_app.detection.checkpoints.metadata import BackboneMetadata, Calibration, Decision, HeadMetadata
from ml_app.detection.networks.backbones import BACKBONES, BackboneError
from ml_app.detection.networks.efficientnet_lite_shape import CHANNELS as TIGHT_CHANNELS
from ml_app.detection.networks.second_look import SecondLook
from ml_app.detection.networks.second_look_shape import SECOND_LOOK
from ml_app.detection.runtime.detector import few
from ml_app.training.data.augmentation import centre
from ml_app.training.data.shards import Shard, read_shards
from ml_app.training.fitting.batches import normalise, to_tensor
from ml_app.training.fitting.classifier import autocast
from ml_app.training.fitting.initial_weights import load_classifier, load_initial
from ml_app.training.fitting.weighting import source_weights
from ml_app.training.publish import halved

SECOND_FILE = "second.safetensors"
FRAMES = 8  # of each person, in serving
LEARNED_FRAMES = 8  # of each train clip
INVERSE_REGULARISATION = 1e-2  # scikit-learn's C
# By how much the two logits count beside the detector's own
TIGHT_STRENGTH, TRANSFORMER_STRENGTH = 0.53, 1.04


def add_second_look(
    detector: Path,
    tight: Path,
    transformer: Path,
    data: Sequence[Path],
    *,
    version: str,
    training_data: str,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write the second network into a detector's folder, and its reading into every head.

    The detector must be calibrated again: what its heads say of that is taken out.

    Args:
        detector: The folder.
        tight: The folder of a finished run of the recipe `tight`, or of a detector whose second look
            holds such a one, which may be the same.
        transformer: DINOv2's file, see docs/training.md.
        data: Prepared folders of the train split.
        version: Of the detector as it becomes.
        training_data: What it then learned from, in words.
        on_done: Told how many train clips of how many are embedded.

    Raises:
        BackboneError: A file cannot be read or does not fit.
        CheckpointError: The detector cannot be read.
        ValueError: There are not both classes among the clips.
    """
    folder = open_folder(detector.parent, detector.name)
    shown = read_metadata(folder.backbone.path, BackboneMetadata)
    network = SecondLook().eval()
    reads_tight = _load_tight(network.tight, tight)
    load_initial(network.transformer, transformer)
    network.load_state_dict({key: value.float() for key, value in halved(network.state_dict()).items()})
    size, margin = shown.preprocessing.image_size, shown.preprocessing.margin
    reading = nn.Linear(network.shape.channels, 1)
    with torch.no_grad():
        found, bias = fit_moments(network, data, size, margin, on_done)
        parts = [reads_tight.weight[0] * TIGHT_STRENGTH, found * TRANSFORMER_STRENGTH]
        reading.weight.copy_(torch.cat(parts)[None])
        reading.bias.copy_(reads_tight.bias * TIGHT_STRENGTH + bias * TRANSFORMER_STRENGTH)
    file = detector / SECOND_FILE
    weights = halved(network.state_dict())
    if not _holds(folder.second, weights):  # else it stays as it is, and heads say how it looks
        about = replace(shown, backbone=SECOND_LOOK, version=version, training_data=training_data)
        save_checkpoint(file, weights, about, second=True)
        if folder.drawn is not None:  # it read the former network
            unpin(folder.drawn.path)
    for pinned in folder.heads.values():
        head = read_metadata(pinned.path, HeadMetadata)
        tensors = load_tensors(pinned) | {
            "second.weight": reading.weight.half(),
            "second.bias": reading.bias.half(),
        }
        changed = replace(
            head,
            version=version,
            dimensions=head.dimensions | {"second": network.shape.channels},
            second_sha256=sha256_of(file),
            second_frames=FRAMES,
            second_backbone=SECOND_LOOK,
            training_data=training_data,
            calibration=Calibration(),
            decision=Decision(),
            metrics={},
            pictures=None,
        )
        save_checkpoint(pinned.path, tensors, changed)


def _holds(second: PinnedFile | None, weights: dict[str, Tensor]) -> bool:
    if second is None:
        return False
    found = load_tensors(second)
    return found.keys() == weights.keys() and all(torch.equal(found[name], weights[name]) for name in found)


def _load_tight(network: nn.Module, folder: Path) -> nn.Linear:
    """Fill the network that sees the face alone; returns its classifier of single frames.

    Of a detector the strength with which its head reads that network is taken off again.
    """
    classify = nn.Linear(TIGHT_CHANNELS, 1)
    if not (folder / MANIFEST).is_file():
        load_initial(network, folder / "last.pt")
        load_classifier(classify, [folder / "last.pt"])
        return classify
    found = open_folder(folder.parent, folder.name)
    if found.second is None:
        raise BackboneError(f"tight: {folder.name} has no second look whose network could be taken")
    weights = load_tensors(found.second)
    network.load_state_dict(
        {name.removeprefix("tight."): t for name, t in weights.items() if name.startswith("tight.")}
    )
    head = load_tensors(next(iter(found.heads.values())))
    weight = head["second.weight"].float()[:, :TIGHT_CHANNELS] / TIGHT_STRENGTH
    classify.load_state_dict(
        {"weight": weight, "bias": torch.zeros(1)}
    )  # the bias is for calibration to find
    return classify


def fit_moments(
    network: SecondLook,
    data: Sequence[Path],
    size: int,
    margin: float,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Tensor, float]:
    """Read the transformer's tokens: a logistic regression over the mean moments of a clip's frames.

    Every generator and corpus counts by the root of its clips, and both classes alike.

    Args:
        network: Whose transformer sees.
        data: Prepared folders; clips alone are looked at.
        size: Side of the crops that serving cuts, pixels.
        margin: And their margin.
        on_done: Told how many clips of how many are done.

    Returns:
        float32 (moments,) and the bias: a linear reading of moments as they are.

    Raises:
        ValueError: There are not both classes among the clips.
    """
    shards = [shard for folder in data for shard in read_shards(folder) if shard.is_clip]
    rows = []
    for done, moments in enumerate(_moments(network, shards, size, margin), start=1):
        rows.append(moments)
        on_done(done, len(shards))
    faces = [shard.faces[0] for shard in shards]
    labels = np.array([face.fake for face in faces])
    if set(labels.tolist()) != {True, False}:
        raise ValueError("a second look wants genuine and manipulated clips of the train split")
    scaler = StandardScaler()
    features = scaler.fit_transform(np.stack(rows))
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1000)
    weights = source_weights([face.generator for face in faces], labels.tolist())
    model.fit(features, labels, sample_weight=weights)
    weight = model.coef_[0] / scaler.scale_
    return torch.from_numpy(weight).float(), float(model.intercept_[0] - weight @ scaler.mean_)


@torch.inference_mode()
def _moments(
    network: SecondLook, shards: Sequence[Shard], size: int, margin: float
) -> Iterator[npt.NDArray[np.float32]]:
    for shard in shards:
        chosen = few(len(shard.faces), LEARNED_FRAMES)
        crops = [centre(np.asarray(shard.images[place]), margin, size, shard.margin) for place in chosen]
        pixels = normalise(to_tensor(np.stack(crops)), BACKBONES[SECOND_LOOK])
        with autocast(pixels.device, "auto"):
            moments = network.moments(pixels)
        yield moments.float().mean(dim=0).numpy()
