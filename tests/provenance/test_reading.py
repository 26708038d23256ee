"""Content Credentials of real files, made with the library itself: signed, changed, broken, by strangers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from ml_app.provenance.findings import Mark, State, Trust
from ml_app.provenance.reading import Limits, read_provenance
from tests.media import make_clip, portrait
from tests.provenance.signing import sign, signer, write


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(portrait()).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def signed(jpeg: bytes) -> bytes:
    return sign(jpeg, "image/jpeg")


def picture(path: Path, **values: Any) -> Any:
    return read_provenance(path, is_video=False, **values)


def test_a_signed_picture_of_a_known_signer(signed: bytes, tmp_path: Path) -> None:
    found = picture(write(tmp_path / "x.jpg", signed), trust_list=signer().root)
    assert (found.state, found.trust) == (State.VALID, Trust.TRUSTED)
    assert (found.signer, found.organisation) == ("Camera 7", "Newsroom of this test")
    assert found.tools[0].startswith("Tool of this test 1.0")
    created, colours = found.actions
    assert (created.action, created.tool, created.when) == (
        "c2pa.created",
        "Model of this test 3",
        "2026-01-02T03:04:05Z",
    )
    assert (created.source_type, colours.action) == ("digitalCapture", "c2pa.color_adjustments")
    assert not found.says_generated
    assert found.problems == ()


def test_a_signer_that_nobody_knows(signed: bytes, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jpg", signed)
    without = picture(path)
    assert (without.state, without.trust) == (State.VALID, Trust.NO_LIST)
    stranger = picture(path, trust_list=signer("Somebody else").root)
    assert (stranger.state, stranger.trust) == (State.VALID, Trust.UNTRUSTED)
    assert stranger.signer == "Camera 7"


def test_a_generator_says_what_it_did(jpeg: bytes, tmp_path: Path) -> None:
    content = sign(jpeg, "image/jpeg", source_type="trainedAlgorithmicMedia")
    found = picture(write(tmp_path / "x.jpg", content))
    assert found.says_generated
    assert found.actions[0].source_type == "trainedAlgorithmicMedia"


def test_a_video_is_read_as_well(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4").read_bytes()
    content = sign(clip, "video/mp4", source_type="trainedAlgorithmicMedia")
    found = read_provenance(write(tmp_path / "x.mp4", content), trust_list=signer().root)
    assert (found.state, found.trust, found.says_generated) == (State.VALID, Trust.TRUSTED, True)
    assert ("software", "Lavf") in [(name, text[:4]) for name, text in found.metadata]

    place = content.index(b"mdat") + 400
    changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    found = read_provenance(write(tmp_path / "y.mp4", changed), trust_list=signer().root)
    assert found.state is State.INVALID
    assert any(code.startswith("assertion.bmffHash") for code in found.problems)


def test_a_changed_picture_is_found_out(signed: bytes, tmp_path: Path) -> None:
    changed = bytearray(signed)
    changed[-500] ^= 1
    found = picture(write(tmp_path / "x.jpg", bytes(changed)), trust_list=signer().root)
    assert found.state is State.INVALID
    assert found.problems == ("assertion.dataHash.mismatch",)
    assert found.signer == "Camera 7"


def test_a_changed_manifest_is_found_out(signed: bytes, tmp_path: Path) -> None:
    changed = signed.replace(b"Tool of this test", b"Tool of that test")
    found = picture(write(tmp_path / "x.jpg", changed), trust_list=signer().root)
    assert found.state is State.INVALID
    assert "claimSignature.mismatch" in found.problems


def test_a_broken_manifest_is_said_to_be_so(signed: bytes, tmp_path: Path) -> None:
    place = signed.index(b"c2pa.claim")
    broken = signed[: place - 10] + bytes(50) + signed[place + 40 :]
    found = picture(write(tmp_path / "x.jpg", broken))
    assert found.state is State.UNREADABLE
    assert found.trust is None


def test_most_files_have_none(jpeg: bytes, tmp_path: Path) -> None:
    found = picture(write(tmp_path / "x.jpg", jpeg))
    assert (found.state, found.trust, found.actions, found.marks) == (State.NONE, None, (), ())
    clip = read_provenance(make_clip(tmp_path / "clip.mp4"))
    assert (clip.state, clip.marks) == (State.NONE, ())


def test_a_format_that_cannot_have_them_is_no_failure(tmp_path: Path) -> None:
    found = read_provenance(make_clip(tmp_path / "clip.mkv"))
    assert found.state in (State.NOT_SUPPORTED, State.NONE)
    assert found.metadata


def test_a_videos_own_words_may_name_a_generator(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    with (
        av.open(str(make_clip(tmp_path / "clip.mp4"))) as source,
        av.open(str(path), "w", container_options={"movflags": "use_metadata_tags"}) as target,
    ):
        target.metadata.update({"comment": "Made with HeyGen", "AIGC": '{"Label":"1"}', "title": "Hello"})
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/'
        b'digitalsourcetype/trainedAlgorithmicMedia"/></x:xmpmeta>'
    )
    path.write_bytes(path.read_bytes() + (len(xmp) + 8).to_bytes(4) + b"free" + xmp)
    found = read_provenance(path)
    assert Mark("comment", "Made with HeyGen", "HeyGen") in found.marks
    assert Mark("source_type", "trainedAlgorithmicMedia", "") in found.marks
    assert Mark("aigc", '{"Label":"1"}', "") in found.marks
    assert ("description", "Hello") in found.metadata


@pytest.mark.parametrize(
    "limits",
    [
        Limits(wall_seconds=0.01),  # as a file on which it hangs
        Limits(memory_bytes=1024**2),  # as one that wants more than there is
    ],
)
def test_what_takes_too_much_is_unreadable(signed: bytes, tmp_path: Path, limits: Limits) -> None:
    found = picture(write(tmp_path / "x.jpg", signed), limits=limits)
    assert found.state is State.UNREADABLE


def test_no_file_and_nonsense_are_no_errors(tmp_path: Path, signed: bytes) -> None:
    assert read_provenance(tmp_path / "none.mp4").state is State.UNREADABLE
    assert read_provenance(write(tmp_path / "x.bin", b"\0" * 3000)).state in (
        State.NOT_SUPPORTED,
        State.UNREADABLE,
        State.NONE,
    )
    found = picture(write(tmp_path / "x.jpg", signed), trust_list="no certificate at all")
    assert found.trust in (None, Trust.UNTRUSTED)
