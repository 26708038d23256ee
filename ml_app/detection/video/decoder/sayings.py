"""What a camera, an editor or a generator wrote into a picture: the file's own words, never believed."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from PIL.ExifTags import IFD, Base

from ml_app.detection.video.decoder.still import Still
from ml_app.detection.video.kinds import SAYING_LENGTH, SAYINGS

_TAGS = {
    Base.Make: "camera_make",
    Base.Model: "camera_model",
    Base.Software: "software",
    Base.ProcessingSoftware: "software",
    Base.DateTime: "changed",
    Base.Artist: "artist",
    Base.Copyright: "copyright",
    Base.ImageDescription: "description",
}
_CAMERA_TAGS = {
    Base.LensModel: "lens",
    Base.DateTimeOriginal: "taken",
    Base.UserComment: "comment",
}
# Chunks of text in PNG, and comments of JPEG, by their names in Pillow's `info`.
_TEXTS = {
    "Software": "software",
    "Author": "artist",
    "Copyright": "copyright",
    "Description": "description",
    "Creation Time": "taken",
    "Comment": "comment",
    "comment": "comment",
    "parameters": "generator",  # what programs that generate pictures were asked for
    "prompt": "generator",
}
_XMP = {
    rb"CreatorTool": "software",
    rb"DigitalSourceType": "source_type",
    rb"Credit": "credit",
}
_XMP_BYTES = 256 * 1024


def sayings(picture: Still) -> list[list[str]]:
    """Pairs of a name of `SAYINGS` and a text, each text once, the names in their order there."""
    said: dict[str, list[str]] = {}
    for name, value in [*_of_exif(picture), *_of_texts(picture.metadata), *_of_xmp(picture.metadata)]:
        text = _text(value)
        if text and text not in said.setdefault(name, []):
            said[name].append(text)
    return [[name, text] for name in SAYINGS for text in said.get(name, ())]


def _of_exif(picture: Still) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    with suppress(Exception):  # what is damaged there is left unsaid
        found += [(name, picture.exif.get(tag)) for tag, name in _TAGS.items()]
        camera = picture.exif.get_ifd(IFD.Exif)
        found += [(name, camera.get(tag)) for tag, name in _CAMERA_TAGS.items()]
    return found


def _of_texts(info: dict[Any, Any]) -> list[tuple[str, Any]]:
    return [(name, info.get(key)) for key, name in _TEXTS.items()]


def _of_xmp(info: dict[Any, Any]) -> list[tuple[str, Any]]:
    packet = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    data = packet.encode(errors="replace") if isinstance(packet, str) else packet
    data = data[:_XMP_BYTES] if isinstance(data, bytes) else b""
    found: list[tuple[str, Any]] = []
    for key, name in _XMP.items():
        for value in re.findall(rb"\b" + key + rb"""(?:=["']|>)\s*([^<>"']{1,300})""", data)[:3]:
            found.append((name, value.rpartition(b"/")[2] if name == "source_type" else value))
    return found


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = re.sub(rb"^(ASCII|UNICODE|JIS)\0+", b"", value)
        value = value.decode("utf-8", errors="replace")
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())[:SAYING_LENGTH]
