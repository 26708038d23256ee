"""A GPU whose memory is full. The network is a stub: no real one runs out of it at a size known before."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ml_app.detection.errors import CheckpointError, DetectionError
from ml_app.detection.faces.crops import Image
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.runtime.device import choose_device
from ml_app.detection.runtime.pytorch import TorchNetwork


class Narrow(nn.Module):
    """A network with room for so many crops at a time."""

    def __init__(self, network: nn.Module, room: int) -> None:
        super().__init__()
        self.network, self.room, self.batches = network, room, list[int]()

    def forward(self, inputs: Tensor) -> Tensor:
        self.batches.append(len(inputs))
        if len(inputs) > self.room:
            raise torch.OutOfMemoryError("no room")
        result: Tensor = self.network(inputs)
        return result


def narrow(models_dir: object, room: int) -> tuple[Detector, Narrow]:
    detector = Detector.load(models_dir, "tiny", 10, "cpu")  # type: ignore[arg-type]
    inner = detector.network
    assert isinstance(inner, TorchNetwork)
    inner.backbone = network = Narrow(inner.backbone, room)
    return detector, network


def crops(count: int) -> list[Image]:
    return list(np.random.default_rng(1).integers(0, 255, (count, 64, 64, 3), dtype=np.uint8))


def test_smaller_pieces_give_the_same_embeddings(models_dir: object, detector: Detector) -> None:
    small, network = narrow(models_dir, room=5)
    found = small.embed(crops(40))
    assert np.allclose(found, detector.embed(crops(40)), atol=1e-2)
    assert network.batches[:4] == [32, 16, 8, 4]
    assert set(network.batches[4:]) == {4}
    assert len(network.batches) == 3 + 10
    small.embed(crops(8))
    assert network.batches[-2:] == [4, 4]  # what did not fit is not tried again


def test_no_room_for_a_single_crop_is_an_error_of_its_own(models_dir: object) -> None:
    small, _ = narrow(models_dir, room=0)
    with pytest.raises(DetectionError) as caught:
        small.embed(crops(3))
    assert caught.value.code == "gpu_out_of_memory"
    embeddings = np.zeros((3, 16), dtype=np.float32)
    with pytest.raises(DetectionError) as caught:
        small.activations(embeddings, crops(1), [0])
    assert caught.value.code == "gpu_out_of_memory"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_asking_for_a_gpu_that_is_not_there_is_an_error() -> None:
    with pytest.raises(CheckpointError) as caught:
        choose_device("cuda")
    assert caught.value.code == "no_gpu"
