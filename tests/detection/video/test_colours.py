"""Every way of storing colours gives the same picture, HDR too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.video.decoder import hdr
from ml_app.detection.video.opening import open_video
from tests.media import Image, picture

SIZE = (320, 240)
BT709, BT601, BT2020 = 1, 6, 9  # matrices and primaries, ITU-T H.273
LIMITED, FULL = 1, 2


@dataclass(frozen=True)
class Storing:
    """How a clip's colours are stored."""

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    suffix: str = ".mp4"
    matrix: int = BT709
    span: int = LIMITED
    curve: int = BT709
    options: dict[str, str] = field(default_factory=dict)


WAYS = {
    "BT.709": Storing(),
    "BT.601": Storing(matrix=BT601),
    "full range": Storing(span=FULL),
    "full range, BT.601": Storing(span=FULL, matrix=BT601),
    "10 bits": Storing("libx265", "yuv420p10le"),
    "4:4:4": Storing(pix_fmt="yuv444p"),
    "4:2:2": Storing(pix_fmt="yuv422p"),
    "interlaced": Storing(options={"x264-params": "tff=1"}),
    "alpha, VP9": Storing(
        "libvpx-vp9", "yuva420p", ".webm", options={"deadline": "realtime", "cpu-used": "8"}
    ),
    "alpha, RGB": Storing("qtrle", "argb", ".mov"),
    "PQ": Storing("libx265", "yuv420p10le", matrix=BT2020, curve=hdr.PQ),
    "HLG": Storing("libx265", "yuv420p10le", matrix=BT2020, curve=hdr.HLG),
}


def stored_light(image: Image, curve: int) -> npt.NDArray[np.uint16]:
    """An ordinary picture as BT.2408 puts it into HDR: BT.2020, white at 203 cd/m². uint16 RGB (H, W, 3)."""
    light = (image / 255) ** hdr.DISPLAY_GAMMA @ np.linalg.inv(hdr._TO_709.astype(float)).T
    light = np.maximum(light, 1e-9) * hdr.WHITE
    if curve == hdr.PQ:
        power = (light / 10000) ** (2610 / 16384)
        value = ((107 / 128 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    else:
        light /= hdr.HLG_PEAK
        scene = light * (light @ hdr._LUMA)[..., None] ** (1 / hdr.HLG_GAMMA - 1)
        logarithm = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        value = np.where(scene <= 1 / 12, np.sqrt(3 * scene), logarithm)
    return np.round(np.clip(value, 0, 1) * 65535).astype(np.uint16)


def write(path: Path, way: Storing, image: Image, frames: int = 3) -> Path:
    """A still scene, stored in one way."""
    return write_all(path, way, [image] * frames)


def write_all(path: Path, way: Storing, images: Sequence[Image]) -> Path:
    """Pictures of one size, uint8 RGB, 25 a second, stored in one way."""
    hdr_curve = way.curve in (hdr.PQ, hdr.HLG)
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "crf": "8", **way.options}
        if way.codec == "libx265":
            options["x265-params"] = f"log-level=none:pools=1:colorprim={way.matrix}:transfer={way.curve}"
        stream = container.add_stream(way.codec, rate=25, options=options)
        stream.height, stream.width = (side // 2 * 2 for side in images[0].shape[:2])
        stream.pix_fmt = way.pix_fmt
        context = stream.codec_context
        context.color_range, context.colorspace = way.span, way.matrix
        context.color_trc, context.color_primaries = way.curve, way.matrix
        for number, image in enumerate(images):
            given, name = (stored_light(image, way.curve), "rgb48le") if hdr_curve else (image, "rgb24")
            frame = av.VideoFrame.from_ndarray(given, format=name)
            frame = frame.reformat(
                stream.width,
                stream.height,
                way.pix_fmt,
                dst_colorspace=way.matrix,
                src_color_range=FULL,
                dst_color_range=way.span,
            )
            frame.colorspace, frame.color_range, frame.pts = way.matrix, way.span, number
            frame.color_trc, frame.color_primaries = way.curve, way.matrix
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", WAYS)
def test_the_picture_is_the_same_however_it_is_stored(name: str, tmp_path: Path) -> None:
    way, image = WAYS[name], picture(0.2, SIZE)
    with open_video(write(tmp_path / f"clip{way.suffix}", way, image)) as video:
        (frame,) = video.frames(Sampling("first"), 1)
    difference = frame.image.astype(int) - image
    assert np.abs(difference.mean(axis=(0, 1))).max() < 2  # no cast of colour
    assert np.abs(difference).mean() < 4  # what codecs and halved colours cost


def test_what_is_brighter_than_white_is_drawn_together() -> None:
    steps = np.linspace(0, 65535, 256).astype(np.uint16)
    grey = np.repeat(steps[None, :, None], 3, axis=2)
    for curve in (hdr.PQ, hdr.HLG):
        mapped = hdr.to_sdr(grey, curve, BT2020)[0, :, 0].astype(int)
        assert (np.diff(mapped) >= 0).all()
        assert mapped[0] == 0
        assert 250 <= mapped[-1] <= 255
        white = np.searchsorted(mapped, 243)  # where the shoulder begins
        assert 0.5 < white / 256 < 0.8  # three quarters of the HLG signal, 58 % of PQ's, are white


def test_hdr_in_primaries_of_bt_709_keeps_them() -> None:
    red = np.zeros((1, 1, 3), np.uint16)
    red[..., 0] = 40000
    assert hdr.to_sdr(red, hdr.HLG, BT709)[0, 0, 1] == 0
    assert hdr.to_sdr(np.full((1, 1, 3), 32768, np.uint16), hdr.HLG, BT709).dtype == np.uint8
