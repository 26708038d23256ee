"""What we write down as ONNX is ONNX: the format's own checker takes it, sizes of all values and all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file
from torch import nn

from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.faces import blazeface
from ml_app.detection.networks.backbone_onnx import EMBEDDINGS, FEATURES, SERVED, backbone_graph
from ml_app.detection.networks.backbones import BACKBONES, build_backbone
from ml_app.detection.networks.blazeface_onnx import ANCHORS, OUTPUTS, VALUES, blazeface_graph
from ml_app.detection.networks.efficientnet_lite import Textured, efficientnet_lite
from ml_app.detection.networks.efficientnet_lite_shape import CHANNELS, texture
from ml_app.detection.networks.onnx_file import OnnxGraph


def outputs(graph: bytes) -> dict[str, list[int | str]]:
    """Sizes of the outputs as the file declares them, which the checker holds against what it infers."""
    model = onnx.load_from_string(graph)
    onnx.checker.check_model(model, full_check=True)
    return {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in model.graph.output
    }


def served(backbone: str) -> tuple[nn.Module, int]:
    """A network that can be served, and the channels of its feature map."""
    if backbone in BACKBONES:
        return build_backbone(backbone), BACKBONES[backbone].channels
    size, textured = int(backbone.removeprefix("efficientnet_lite")[0]), backbone.endswith("_textured")
    network = Textured(size) if textured else efficientnet_lite(size)
    return network, CHANNELS + (texture(size)[1] if textured else 0)


@pytest.mark.parametrize("backbone", SERVED)
def test_backbones_pass_the_checker(backbone: str) -> None:
    network, channels = served(backbone)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    assert outputs(backbone_graph(backbone, weights, Preprocessing(64, 1.2))) == {
        FEATURES: ["n", channels, "rows", "columns"],
        EMBEDDINGS: ["n", channels],
    }


def test_the_face_finder_passes_the_checker() -> None:
    found = outputs(blazeface_graph(load_file(Path(blazeface.__file__).with_name("blazeface.safetensors"))))
    assert tuple(found) == OUTPUTS
    assert [size[1] for size in found.values()] == [
        ANCHORS[0], ANCHORS[0] * VALUES, ANCHORS[1], ANCHORS[1] * VALUES,
    ]  # fmt: skip


def test_a_wrong_size_does_not_pass() -> None:
    graph = OnnxGraph()
    graph.node("Relu", ["given"], "wanted")
    written = graph.serialised(("given", np.float32, ("n", 3)), {"wanted": ("n", 4)})
    with pytest.raises(onnx.shape_inference.InferenceError):
        outputs(written)
