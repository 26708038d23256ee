"""DINOv2's weights out of an ONNX file that another library exported.

The published files of DINOv2 lie where a training machine without the internet cannot fetch them; networks
built on it travel in packages as ONNX. Exporting takes the names of the linear layers' weights away, but not
those of the operations that use them.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ml_app.detection.networks.backbones import BackboneError

_LAYER = "encoder.layer.{}."
_VECTORS = {  # by the published names: those of Hugging Face's DINOv2, within a layer
    "norm1.weight": "norm1.weight",
    "norm1.bias": "norm1.bias",
    "attn.proj.bias": "attention.output.dense.bias",
    "ls1.gamma": "layer_scale1.lambda1",
    "norm2.weight": "norm2.weight",
    "norm2.bias": "norm2.bias",
    "mlp.fc1.bias": "mlp.fc1.bias",
    "mlp.fc2.bias": "mlp.fc2.bias",
    "ls2.gamma": "layer_scale2.lambda1",
}
_MATRICES = {
    "attn.proj.weight": "attention/output/dense",
    "mlp.fc1.weight": "mlp/fc1",
    "mlp.fc2.weight": "mlp/fc2",
}
_QKV = ("query", "key", "value")


def read_dinov2(path: Path) -> dict[str, Tensor]:
    """The weights by the names of DINOv2's published files.

    Raises:
        BackboneError: The package onnx is missing, or the file holds no DINOv2.
    """
    try:
        import onnx  # noqa: PLC0415 - only for this
        from onnx import numpy_helper  # noqa: PLC0415
    except ImportError as error:
        raise BackboneError(
            f"{path.name}: ONNX files are read by onnx: pip install -r requirements-training.txt"
        ) from error
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # whatever protobuf raises
        raise BackboneError(f"{path.name} is not a readable ONNX file ({type(error).__name__})") from error
    values = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer
    }
    products = {
        node.name: next((values[name] for name in node.input if name in values), None)
        for node in graph.node
        if node.op_type == "MatMul"
    }
    try:
        return _renamed(values, products)
    except (KeyError, AttributeError, StopIteration, RuntimeError) as error:
        raise BackboneError(
            f"{path.name} holds no DINOv2 as Hugging Face's library exports it: {error!s:.80} is missing"
        ) from error


def _renamed(values: dict[str, Tensor], products: dict[str, Tensor | None]) -> dict[str, Tensor]:
    prefix = next(name for name in values if name.endswith("embeddings.cls_token"))
    prefix = prefix.removesuffix("embeddings.cls_token")
    of_nodes = "/" + prefix.replace(".", "/")

    def matrix(node: str) -> Tensor:
        found = products[f"{of_nodes}{node}/MatMul"]
        if found is None:
            raise KeyError(node)
        return found.T.contiguous()

    cls_token = values[f"{prefix}embeddings.cls_token"]
    patches = f"{prefix}embeddings.patch_embeddings.projection"
    positions = [
        value
        for name, value in values.items()
        if value.dim() == 3
        and value.shape[2] == cls_token.shape[2]
        and not name.startswith(f"{prefix}embeddings")
    ]
    # Folded at export into those of the whole and those of the patches.
    whole = next(value for value in positions if value.shape[1] == 1)
    grid = next(value for value in positions if value.shape[1] > 1)
    found = {
        "cls_token": cls_token,
        "pos_embed": torch.cat([whole, grid], dim=1),
        "patch_embed.proj.weight": values[f"{patches}.weight"],
        "patch_embed.proj.bias": values[f"{patches}.bias"],
        "norm.weight": values[f"{prefix}layernorm.weight"],
        "norm.bias": values[f"{prefix}layernorm.bias"],
    }
    number = 0
    while f"{prefix}{_LAYER.format(number)}norm1.weight" in values:
        layer, own = f"{prefix}{_LAYER.format(number)}", f"blocks.{number}."
        node = _LAYER.format(number).replace("layer.", "layer@").replace(".", "/").replace("@", ".")
        found |= {own + name: values[layer + theirs] for name, theirs in _VECTORS.items()}
        found |= {own + name: matrix(node + theirs) for name, theirs in _MATRICES.items()}
        of_qkv = [f"attention.attention.{part}" for part in _QKV]
        found[f"{own}attn.qkv.bias"] = torch.cat([values[f"{layer}{part}.bias"] for part in of_qkv])
        found[f"{own}attn.qkv.weight"] = torch.cat([matrix(node + part.replace(".", "/")) for part in of_qkv])
        number += 1
    return found
