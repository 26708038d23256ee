"""Heatmaps: where the network looked, and in which frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ml_app.detection.explain import most_telling, render
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.runtime.pytorch import TorchNetwork


@pytest.mark.parametrize(
    ("logits", "times", "chosen"),
    [
        ([0, 5, 1, 4, 2], [0, 1, 2, 3, 4], [1, 3, 4]),
        ([9, 8, 7, 0, 6, 0, 0, 0, 0, 5], [0, 0.1, 0.2, 2, 3, 4, 5, 6, 7, 10], [0, 4, 9]),  # not one moment
        ([3, 1], [0, 1], [0, 1]),
        ([3], [7.5], [0]),
        ([1, 2, 3], [0, 0, 0], [0, 1, 2]),
    ],
)
def test_the_most_telling_frames(logits: list[float], times: list[float], chosen: list[int]) -> None:
    assert most_telling(logits, times) == chosen


def alpha(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)[..., 3]


def test_a_heatmap_lies_where_the_activation_is() -> None:
    activation = np.zeros((4, 4), dtype=np.float32)
    activation[1, 2] = 2.0
    layer = alpha(render(activation, 2.0, (160, 120)))
    assert layer.shape == (120, 160)
    rows, columns = np.nonzero(layer > layer.max() * 0.9)
    assert rows.mean() == pytest.approx(44.5, abs=2)  # the middle of the second of four rows
    assert columns.mean() == pytest.approx(99.5, abs=2)
    assert layer[100:, :40].max() < 5


def test_strength_is_comparable_between_frames() -> None:
    activation = np.full((4, 4), 1.0, dtype=np.float32)
    strong, weak = (alpha(render(activation, strongest, (64, 64))).max() for strongest in (1.0, 4.0))
    assert strong == pytest.approx(4 * weak, abs=4)
    assert alpha(render(np.zeros((4, 4), dtype=np.float32), 0.0, (64, 64))).max() == 0


def test_activations_add_up_to_the_logits(detector: Detector) -> None:
    """With a head that is linear in the embedding, the class activation is weight times feature map."""
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 255, (64, 64, 3), dtype=np.uint8) for _ in range(4)]
    embeddings = detector.embed(crops)
    network = detector.network
    assert isinstance(network, TorchNetwork)
    temporal = network.head.temporal.weight.data
    kept = temporal.clone()
    temporal.zero_()
    try:
        maps = detector.activations(embeddings, [crops[2]], [2])
    finally:
        temporal.copy_(kept)
    (features,) = network.features([crops[2]])
    expected = np.einsum("chw,c->hw", features, network.head.frame.weight[0].numpy())
    expected = np.maximum(expected - expected.mean(), 0)
    assert np.allclose(maps[0], expected, atol=1e-5)
    assert maps[0].shape == (4, 4)
    assert maps[0].max() > 0


def test_activations_follow_the_picture(detector: Detector) -> None:
    """A picture with its only structure on one side, mirrored, gives activations on the other side."""
    image = np.full((64, 64, 3), 120, dtype=np.uint8)
    image[16:48, 40:56] = np.random.default_rng(1).integers(0, 255, (32, 16, 3), dtype=np.uint8)
    shifted = np.roll(image, -32, axis=1)
    embeddings = detector.embed([image, shifted])
    one, other = detector.activations(embeddings, [image, shifted], [0, 1])
    assert one[:, 2:].sum() != pytest.approx(one[:, :2].sum(), rel=0.05)
    assert (one[:, 2:].sum() > one[:, :2].sum()) != (other[:, 2:].sum() > other[:, :2].sum())
