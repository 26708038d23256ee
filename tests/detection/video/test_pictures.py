"""Still pictures: which files are, how each kind becomes upright sRGB, what they say of themselves."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image as Pillow
from PIL import ImageCms, ImageFile, PngImagePlugin
from PIL.ExifTags import IFD, Base

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.errors import VideoError
from ml_app.detection.findings import Kind, Limits
from ml_app.detection.video.decoder.sayings import sayings
from ml_app.detection.video.decoder.still import Still
from ml_app.detection.video.kinds import SAYING_LENGTH, holds_picture, is_picture
from ml_app.detection.video.opening import open_video, probe
from tests.media import Clips, Image, picture

MANY = Limits().max_pixels
SCENE = picture(0.0)
GREY = np.asarray(Pillow.fromarray(SCENE).convert("L"))


def scene() -> Pillow.Image:
    return Pillow.fromarray(SCENE)


def saved(image: Pillow.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def heic(image: Pillow.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, **options)
    return file.getvalue()


def opened(data: bytes, max_pixels: int = MANY) -> Still:
    return Still(io.BytesIO(data), max_pixels)


def shown(data: bytes) -> Image:
    still = opened(data)
    return still.pixels(still.width, still.height)


def code_of(data: bytes, max_pixels: int = MANY) -> str:
    with pytest.raises(VideoError) as caught:
        opened(data, max_pixels)
    return caught.value.code


def apart(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())


COLOURED: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: saved(scene(), "JPEG", quality=95),
    "cmyk jpeg": lambda: saved(scene().convert("CMYK"), "JPEG", quality=95),
    "png": lambda: saved(scene(), "PNG"),
    "palette": lambda: saved(scene().quantize(256), "PNG"),
    "opaque rgba": lambda: saved(scene().convert("RGBA"), "PNG"),
    "webp": lambda: saved(scene(), "WEBP", quality=95),
    "tiff": lambda: saved(scene(), "TIFF", compression="tiff_lzw"),
    "cmyk tiff": lambda: saved(scene().convert("CMYK"), "TIFF"),
    "lab tiff": lambda: saved(
        ImageCms.profileToProfile(
            scene(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        ),
        "TIFF",
    ),
    "avif": lambda: saved(scene(), "AVIF", quality=95),
    "heic": lambda: heic(scene(), quality=95),
}
GREYS: dict[str, Callable[[], bytes]] = {
    "grey jpeg": lambda: saved(Pillow.fromarray(GREY), "JPEG", quality=95),
    "16-bit png": lambda: saved(Pillow.fromarray(GREY.astype(np.uint16) * 257), "PNG"),
    "16-bit tiff": lambda: saved(Pillow.fromarray(GREY.astype(">u2") * 257), "TIFF"),
    "32-bit tiff": lambda: saved(Pillow.fromarray(GREY.astype(np.int32) * 257), "TIFF"),
    "fractions": lambda: saved(Pillow.fromarray(GREY.astype(np.float32) / 255), "TIFF"),
}


@pytest.mark.parametrize("kind", COLOURED)
def test_every_way_to_store_colours_shows_the_same_picture(kind: str, tmp_path: Path) -> None:
    data = COLOURED[kind]()
    assert apart(shown(data), SCENE) < 6
    (tmp_path / "odd name.mp4").write_bytes(data)
    assert holds_picture(tmp_path / "odd name.mp4")


@pytest.mark.parametrize("kind", GREYS)
def test_grey_of_any_depth_is_grey_of_eight_bits(kind: str) -> None:
    assert apart(shown(GREYS[kind]()), np.dstack([GREY] * 3)) < 2


def test_what_is_transparent_is_white() -> None:
    clear = scene().convert("RGBA")
    clear.putalpha(0)
    for kind in ("PNG", "WEBP"):
        assert (shown(saved(clear, kind, lossless=True)) == 255).all()
    palette = scene().quantize(16)
    palette.info["transparency"] = palette.getpixel((0, 0))
    image = shown(saved(palette, "PNG"))
    assert image[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(orientation: int) -> None:
    """As EXIF counts: what undoes each of the eight ways to hold a camera."""
    undone = {
        2: Pillow.Transpose.FLIP_LEFT_RIGHT,
        3: Pillow.Transpose.ROTATE_180,
        4: Pillow.Transpose.FLIP_TOP_BOTTOM,
        5: Pillow.Transpose.TRANSPOSE,
        6: Pillow.Transpose.ROTATE_90,
        7: Pillow.Transpose.TRANSVERSE,
        8: Pillow.Transpose.ROTATE_270,
    }
    stored = scene() if orientation == 1 else scene().transpose(undone[orientation])
    exif = Pillow.Exif()
    exif[Base.Orientation] = orientation
    still = opened(saved(stored, "JPEG", exif=exif, quality=95))
    assert (still.width, still.height) == (320, 240)
    assert apart(still.pixels(320, 240), SCENE) < 6
    assert still.rotation == {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}.get(orientation, 0)


def test_colour_profiles_are_followed_and_broken_ones_are_not() -> None:
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert apart(shown(saved(scene(), "PNG", icc_profile=swapped)), SCENE) < 1
    # A profile whose red is sRGB's green is the same with two tags renamed.
    turned = swapped.replace(b"rXYZ", b"xxxx").replace(b"gXYZ", b"rXYZ").replace(b"xxxx", b"gXYZ")
    image = shown(saved(scene(), "PNG", icc_profile=turned))
    assert apart(image, SCENE[..., [1, 0, 2]]) < 3
    assert apart(image, SCENE) > 3
    assert apart(shown(saved(scene(), "PNG", icc_profile=b"no profile at all")), SCENE) < 1


def test_a_large_picture_is_scaled_without_being_seen_whole() -> None:
    large = scene().resize((6400, 4800))
    still = opened(saved(large, "JPEG", quality=80))
    assert (still.width, still.height) == (6400, 4800)
    assert apart(still.pixels(320, 240), SCENE) < 4


def test_hdr_is_mapped_as_in_videos() -> None:
    """A HEIC in PQ: reference white becomes white, where the bare numbers show a dull grey."""
    level = round(255 * 0.5806)  # PQ of 203 cd/m²
    flat = Pillow.new("RGB", (64, 64), (level,) * 3)
    data = heic(
        flat, quality=-1, chroma="444", save_nclx_profile=True, color_primaries=9, transfer_characteristics=16
    )
    assert b"colrnclx" in data
    assert shown(data).min() > 230
    assert shown(heic(flat, quality=-1, chroma="444")).max() < 160


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(10_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    assert code_of(png_of(100_000, 100_000)) == "too_many_pixels"
    assert code_of(saved(scene(), "PNG"), 320 * 240 - 1) == "too_many_pixels"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "a" * 80_000_000, zip=True)  # 80 MB of text in 80 kB
    assert code_of(saved(scene(), "PNG", pnginfo=texts)) == "damaged_picture"
    (tmp_path / "bomb.png").write_bytes(png_of(8000, 8000))  # within the limit, and cut off
    with pytest.raises(VideoError, match="damaged"):
        probe(tmp_path / "bomb.png")


@pytest.mark.parametrize("kind", COLOURED)
def test_half_a_picture_is_damaged(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as face_recognition leaves it
    data = COLOURED[kind]()
    assert code_of(data[: len(data) // 2]) in ("damaged_picture", "unsupported_picture")


@pytest.mark.parametrize("kind", [*COLOURED, "with words"])
def test_damaged_pictures_are_shown_or_refused_with_a_code(kind: str) -> None:
    """Some five hundred mutations, all kinds together."""
    exif = Pillow.Exif()
    exif[Base.Make], exif[Base.Orientation] = "Make of a camera", 6
    exif.get_ifd(IFD.Exif)[Base.UserComment] = b"ASCII\0\0\0hello"
    words = saved(scene().resize((64, 48)), "JPEG", exif=exif, xmp=b"<x CreatorTool='Editor'/>")
    whole = words if kind == "with words" else COLOURED[kind]()
    rng = np.random.default_rng(len(whole))
    codes = Counter[str]()
    for _ in range(45):
        data = bytearray(whole)
        reach = min(len(data), 1200) if rng.random() < 0.6 else len(data)  # most often where the structure is
        for place in rng.integers(0, reach, rng.integers(1, 12)):
            data[place] = rng.integers(0, 256)
        if rng.random() < 0.2:
            del data[rng.integers(0, len(data)) :]
        try:
            still = opened(bytes(data), 10_000_000)
            assert still.pixels(32, 24).shape == (24, 32, 3)
            assert isinstance(sayings(still), list)
            codes["shown"] += 1
        except VideoError as error:
            codes[error.code] += 1
    assert set(codes) <= {"shown", "damaged_picture", "unsupported_picture", "too_many_pixels"}
    assert len(codes) > 1


def test_pictures_that_move_are_videos(tmp_path: Path, clips: Clips) -> None:
    frames = [Pillow.fromarray(picture(i / 10)) for i in range(3)]
    for name in ("a.png", "a.webp", "a.gif", "a.avif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=100)
        assert not holds_picture(tmp_path / name)
        info = probe(tmp_path / name)
        assert (info.kind, info.file_says) == (Kind.VIDEO, ())
    assert not holds_picture(clips("clip.mp4"))
    assert not holds_picture(tmp_path / "missing.jpg")
    frames[0].save(tmp_path / "one.png", save_all=True, append_images=frames[:1], default_image=True)
    assert holds_picture(tmp_path / "one.png"), "one picture after the default one does not move"


def test_short_heads_are_no_pictures(tmp_path: Path) -> None:
    for data in (b"", b"\xff\xd8", b"RIFF", b"RIFF\0\0\0\0WEBPVP8X", b"\x89PNG\r\n\x1a\n"):
        path = tmp_path / "short"
        path.write_bytes(data)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            is_picture(descriptor)  # and no IndexError
        finally:
            os.close(descriptor)


def test_what_the_file_says_of_itself() -> None:
    exif = Pillow.Exif()
    exif[Base.Make], exif[Base.Model] = "Make of a camera", "Model 7\x00\x07"
    exif[Base.Software] = "Editor 3"
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2026:05:17 12:00:00"
    exif.get_ifd(IFD.Exif)[Base.UserComment] = b"ASCII\0\0\0hello"
    exif[Base.ImageDescription] = "x" * 5000
    xmp = (
        b'<x:xmpmeta><rdf:Description xmp:CreatorTool="Editor 3" '
        b'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>'
    )
    said = sayings(opened(saved(scene(), "JPEG", exif=exif, xmp=xmp)))
    assert said == [
        ["camera_make", "Make of a camera"],
        ["camera_model", "Model 7"],
        ["taken", "2026:05:17 12:00:00"],
        ["software", "Editor 3"],
        ["source_type", "trainedAlgorithmicMedia"],
        ["description", "x" * SAYING_LENGTH],
        ["comment", "hello"],
    ]
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "a portrait,\nSteps: 20")
    assert sayings(opened(saved(scene(), "PNG", pnginfo=texts))) == [["generator", "a portrait, Steps: 20"]]
    assert sayings(opened(saved(scene(), "WEBP"))) == []


def test_the_child_shows_one_frame(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[Base.Orientation], exif[Base.Make] = 6, "Make <b>of</b> a camera"
    path = tmp_path / "picture"
    path.write_bytes(saved(scene().transpose(Pillow.Transpose.ROTATE_90), "JPEG", exif=exif))
    with open_video(path) as video:
        info = video.info
        (frame,) = video.frames(Sampling(), 40, 160)
    assert (info.kind, info.width, info.height, info.rotation) == (Kind.PICTURE, 320, 240, 90)
    assert (info.duration_s, info.frame_rate, info.frame_count) == (0.0, 0.0, 1)
    assert (info.container, info.codec, info.has_audio) == ("jpeg", "jpeg", False)
    assert info.file_says == (("camera_make", "Make <b>of</b> a camera"),)
    assert (frame.index, frame.time_s, frame.scale, frame.image.shape) == (0, 0.0, 0.5, (120, 160, 3))
    assert video.notes == ()
