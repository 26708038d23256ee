"""Pseudo-fakes written by a network: a genuine face, made small and enlarged again by a published upsampler.

Whatever generates a face ends in layers that enlarge feature maps to a picture, and leaves the traces of such
layers all over it. A genuine face that is taken down to half or a quarter of its size and enlarged by a
network differs from the genuine one by these traces and by invented detail alone: low frequencies and colours
are put back. The idea is that of aligned data sets (arXiv 2410.11835), which used the autoencoders of
generators; here networks for super-resolution serve, which are small, run on a CPU and may be passed on:
Real-ESRGAN (arXiv 2107.10833), RealSR (CVPR workshops 2020), SPAN (arXiv 2311.12770) and waifu2x.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image
from ml_app.training.data.landmarks import Landmarks
from ml_app.training.fakes.blending import draw_blend, face_mask

INSIDE = 0.2  # share of pseudo-fakes that are reconstructed in a part of the face only
MODES = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


class ReconstructionError(RuntimeError):
    """Faces cannot be reconstructed here; the message says what is missing and how to get it."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """A network that enlarges, as a pair of files `<file>.param` and `<file>.bin` of ncnn.

    Its input is float (3, H, W), RGB in 0..1, with `border` reflected pixels on each side, which it eats up;
    its output is `scale` times as large.
    """

    file: str
    scale: int
    border: int
    share: float  # of the faces
    shrink: tuple[float, float]  # the input's size, as a share of the size that gives the face's own


DECODERS = (
    Decoder(
        "realesrgan-x4plus", 4, 0, 0.03, (0.6, 1.0)
    ),  # half a CPU second a face, the others less than a tenth
    Decoder("REALSR_DF2K_UP4X", 4, 0, 0.03, (0.6, 1.0)),
    Decoder("ClearReality4x", 4, 0, 0.24, (0.8, 1.6)),
    Decoder("spanx4_ch52", 4, 0, 0.24, (0.8, 1.6)),
    Decoder("spanx2_ch48", 2, 0, 0.15, (0.5, 0.9)),
    Decoder("WAIFU2X_PHOTO_UP2X", 2, 7, 0.15, (0.5, 0.9)),
    Decoder("WAIFU2X_PHOTO_UP2X_DENOISE3X", 2, 7, 0.15, (0.5, 1.0)),
)


class Decoders:
    """The networks of a folder, opened when they are first used. One thread each."""

    def __init__(self, folder: Path) -> None:
        """Look for the networks.

        Raises:
            ReconstructionError: ncnn or a file is missing.
        """
        try:
            import ncnn  # noqa: PLC0415 - only this needs it
        except ImportError as error:
            raise ReconstructionError(
                "Reconstruction needs ncnn: pip install -r requirements-training.txt"
            ) from error
        files = [folder / f"{decoder.file}.{kind}" for decoder in DECODERS for kind in ("param", "bin")]
        missing = next((file for file in files if not file.is_file()), None)
        if missing:
            raise ReconstructionError(
                f"There is no {missing}; docs/training.md says where the networks come from."
            )
        self._ncnn, self._folder = ncnn, folder
        self._nets: dict[str, Any] = {}

    def _net(self, decoder: Decoder) -> Any:
        if decoder.file not in self._nets:
            net = self._ncnn.Net()
            net.opt.num_threads = 1
            # In half precision these networks overflow on processors that multiply it.
            net.opt.use_fp16_arithmetic = net.opt.use_fp16_storage = net.opt.use_fp16_packed = False
            net.load_param(str(self._folder / f"{decoder.file}.param"))
            net.load_model(str(self._folder / f"{decoder.file}.bin"))
            self._nets[decoder.file] = net
        return self._nets[decoder.file]

    def enlarge(self, image: Image, decoder: Decoder) -> Image:
        """Enlarge a picture, uint8 (H, W, 3) RGB, `scale` times in both directions."""
        border = (decoder.border,) * 4
        padded = cv2.copyMakeBorder(image, *border, cv2.BORDER_REFLECT_101)
        planes = np.ascontiguousarray((padded.astype(np.float32) / 255).transpose(2, 0, 1))
        net = self._net(decoder)
        extractor = net.create_extractor()
        extractor.input(net.input_names()[0], self._ncnn.Mat(planes))
        _, result = extractor.extract(net.output_names()[-1])
        pixels: npt.NDArray[np.float32] = np.array(result).transpose(1, 2, 0) * 255
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def reconstruct(
    image: Image, landmarks: Landmarks, decoders: Decoders, rng: np.random.Generator
) -> tuple[Image, str]:
    """Make the pseudo-fake of a genuine face.

    Args:
        image: uint8 (S, S, 3) RGB.
        landmarks: float32 (68, 2), pixels of `image`.
        decoders: The networks.
        rng: Decides everything.

    Returns:
        uint8 (S, S, 3), the same face in the same place, and the name of the network.
    """
    shares = np.array([decoder.share for decoder in DECODERS])
    decoder = DECODERS[int(rng.choice(len(DECODERS), p=shares / shares.sum()))]
    height, width = image.shape[:2]
    small = max(24, round(width / decoder.scale * rng.uniform(*decoder.shrink)))
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.0)) if rng.random() < 0.3 else image
    shrunk = cv2.resize(soft, (small, small), interpolation=MODES[int(rng.integers(len(MODES)))])
    large = decoders.enlarge(np.asarray(shrunk, dtype=np.uint8), decoder)
    mode = cv2.INTER_AREA if large.shape[1] > width else cv2.INTER_CUBIC
    pixels = cv2.resize(large, (width, height), interpolation=mode).astype(np.float32)
    pixels += _coarse(image, width) - _coarse(pixels, width)
    if rng.random() < INSIDE:
        mask = face_mask((height, width), landmarks, draw_blend(rng))[..., None]
        pixels = pixels * mask + image.astype(np.float32) * (1 - mask)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8), decoder.file


def _coarse(image: npt.NDArray[Any], width: int) -> npt.NDArray[np.float32]:
    """Colours and light without detail."""
    return np.asarray(cv2.GaussianBlur(image.astype(np.float32), (0, 0), width / 28), dtype=np.float32)
