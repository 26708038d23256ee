"""DINOv2's weights are found in a file of another library's making, under names of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from ml_app.detection.networks.backbones import BackboneError
from ml_app.detection.networks.vision_transformer import VisionTransformer
from ml_app.training.fitting.initial_weights import load_initial

CHANNELS, DEPTH, GRID = 12, 2, 3


def exported(weights: dict[str, torch.Tensor]) -> onnx.ModelProto:
    """What Hugging Face's library makes of them: matrices turned and without names, the rest renamed."""
    named: dict[str, torch.Tensor] = {
        "backbone.embeddings.cls_token": weights["cls_token"],
        "onnx::Concat_7": weights["pos_embed"][:, :1],
        "onnx::Reshape_9": weights["pos_embed"][:, 1:],
        "backbone.embeddings.patch_embeddings.projection.weight": weights["patch_embed.proj.weight"],
        "backbone.embeddings.patch_embeddings.projection.bias": weights["patch_embed.proj.bias"],
        "backbone.layernorm.weight": weights["norm.weight"],
        "backbone.layernorm.bias": weights["norm.bias"],
        "decoder.upconv1.weight": torch.zeros(CHANNELS, 2, 4, 4),
    }
    nodes = []

    def linear(node: str, name: str, weight: torch.Tensor, bias: torch.Tensor) -> None:
        matrix = f"onnx::MatMul_{len(named)}"
        named[matrix], named[f"{name}.bias"] = weight.T, bias
        nodes.append(helper.make_node("MatMul", ["tokens", matrix], [f"{node}_out"], name=f"{node}/MatMul"))

    for number in range(DEPTH):
        own, theirs = f"blocks.{number}.", f"backbone.encoder.layer.{number}."
        node = f"/backbone/encoder/layer.{number}/"
        for norm in ("norm1", "norm2"):
            for part in ("weight", "bias"):
                named[f"{theirs}{norm}.{part}"] = weights[f"{own}{norm}.{part}"]
        for scale in (1, 2):
            named[f"{theirs}layer_scale{scale}.lambda1"] = weights[f"{own}ls{scale}.gamma"]
        qkv = (weights[f"{own}attn.qkv.weight"].chunk(3), weights[f"{own}attn.qkv.bias"].chunk(3))
        for part, weight, bias in zip(("query", "key", "value"), *qkv, strict=True):
            linear(f"{node}attention/attention/{part}", f"{theirs}attention.attention.{part}", weight, bias)
        for node_name, name in (("attention/output/dense", "attn.proj"), ("mlp/fc1",) * 2, ("mlp/fc2",) * 2):
            full = own + name.replace("/", ".")
            full_theirs = theirs + node_name.replace("/", ".")
            linear(node + node_name, full_theirs, weights[f"{full}.weight"], weights[f"{full}.bias"])
    given = helper.make_tensor_value_info("tokens", TensorProto.FLOAT, [1, 4, CHANNELS])
    wanted = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    constants = [
        numpy_helper.from_array(np.ascontiguousarray(value.numpy()), name) for name, value in named.items()
    ]
    return helper.make_model(helper.make_graph(nodes, "net", [given], [wanted], constants))


def network(seed: int) -> VisionTransformer:
    torch.manual_seed(seed)
    made = VisionTransformer(CHANNELS, DEPTH, 3, GRID)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


def test_every_weight_is_found_in_its_place(tmp_path: Path) -> None:
    source, filled = network(1), network(2)
    onnx.save(exported(dict(source.state_dict())), tmp_path / "net.onnx")
    assert load_initial(filled, tmp_path / "net.onnx") == []
    for name, value in source.state_dict().items():
        assert torch.equal(value, filled.state_dict()[name]), name


def test_positions_fit_any_size_and_only_whole_patches_are_taken() -> None:
    made = network(3).eval()
    assert made(torch.randn(2, 3, 64, 128)).shape == (2, 2 * CHANNELS, 2, 4)
    on_the_grid = made._positions(GRID, GRID)
    assert torch.allclose(on_the_grid, made.pos_embed, atol=1e-5)
    with pytest.raises(ValueError, match="multiples of 32"):
        made(torch.randn(1, 3, 30, 28))


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.onnx").write_bytes(b"no protocol buffer at all")
    with pytest.raises(BackboneError, match=r"noise\.onnx"):
        load_initial(network(1), tmp_path / "noise.onnx")
    model = exported(dict(network(1).state_dict()))
    kept = [tensor for tensor in model.graph.initializer if "layer_scale2" not in tensor.name]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    onnx.save(model, tmp_path / "less.onnx")
    with pytest.raises(BackboneError, match="no DINOv2"):
        load_initial(network(1), tmp_path / "less.onnx")
