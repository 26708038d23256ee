"""Files that cannot be analysed: a code each, and a sentence that says what to do."""

from __future__ import annotations

import dataclasses
import io
import os
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.errors import VideoError
from ml_app.detection.findings import Limits
from ml_app.detection.video.errors import MESSAGES, video_error
from ml_app.detection.video.opening import NOTES, open_video, probe
from tests.media import Clips, make_audio, picture, stamped_time

LIMITS = Limits()


def refused(path: Path, limits: Limits = LIMITS) -> str:
    """The code with which a file is refused."""
    with pytest.raises(VideoError) as caught, open_video(path, limits) as video:
        list(video.frames(Sampling("even"), 10))
    assert caught.value.message == MESSAGES[caught.value.code]
    assert str(path.parent) not in caught.value.detail
    return caught.value.code


def written(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("video.mp4", b"x" * 1000)
    return file.getvalue()


def test_every_code_says_what_to_do() -> None:
    for code, message in MESSAGES.items():
        assert video_error(code).message == message
        assert message.endswith(".")
        assert message.count(".") >= 2, f"{code} should tell what happened and what to do"
    assert all(note.endswith(".") for note in NOTES.values())


def test_an_empty_file(tmp_path: Path) -> None:
    assert refused(written(tmp_path, "empty.mp4", b"")) == "empty_file"


def test_a_missing_file_a_folder_and_a_pipe(tmp_path: Path) -> None:
    assert refused(tmp_path / "missing.mp4") == "unreadable_file"
    assert refused(tmp_path) == "unreadable_file"
    os.mkfifo(tmp_path / "pipe.mp4")
    assert refused(tmp_path / "pipe.mp4") == "unreadable_file"


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"This is a text and no video.\n" * 100,
        b"<!doctype html><html><body>Not found</body></html>" * 20,
        bytes(5000),
        np.random.default_rng(1).bytes(50_000),
        b"%PDF-1.7\n" + bytes(2000),
        zipped(),
        b"\x1b[31mHello\x1b[0m\n" * 200,
        b"BM" + bytes(3000),
    ],
    ids=["byte", "text", "html", "zeros", "noise", "pdf", "zip", "terminal", "bmp"],
)
def test_what_is_no_video(tmp_path: Path, data: bytes) -> None:
    assert refused(written(tmp_path, "clip.mp4", data)) == "not_a_video"


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".mkv", ".m4a"])
def test_sound_without_a_picture(tmp_path: Path, suffix: str) -> None:
    assert refused(make_audio(tmp_path / f"sound{suffix}")) == "no_video_stream"


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac", ".aac"])
def test_sound_files_are_named_as_such(tmp_path: Path, suffix: str) -> None:
    codec = {".wav": "pcm_s16le", ".mp3": "libmp3lame", ".flac": "flac", ".aac": "aac"}[suffix]
    path = tmp_path / f"sound{suffix}"
    with av.open(str(path), "w", format={".aac": "adts"}.get(suffix)) as container:
        stream = container.add_stream(codec, rate=48000)
        format_ = stream.codec_context.format.name
        kind = {"s16": np.int16, "s32": np.int32, "flt": np.float32}[format_[:3]]
        shape = (2, 9600) if format_.endswith("p") else (1, 19200)
        frame = av.AudioFrame.from_ndarray(np.zeros(shape, kind), format=format_, layout="stereo")
        frame.sample_rate = 48000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    assert refused(path) == "no_video_stream"


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=48000)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 9600), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
        for packet in [*sound.encode(frame), *sound.encode(None)]:
            container.mux(packet)
        for packet in [*cover.encode(picture), *cover.encode(None)]:
            container.mux(packet)
    assert refused(path) == "no_video_stream"


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_file_cut_before_its_index(clips: Clips, tmp_path: Path, suffix: str) -> None:
    whole = clips(f"clip{suffix}").read_bytes()
    for share in (0.9, 0.5, 0.001):
        cut = whole[: max(24, int(len(whole) * share))]
        assert refused(written(tmp_path, f"cut{suffix}", cut)) == "truncated"


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".avi", ".wmv"])
def test_a_file_cut_within_its_header(clips: Clips, tmp_path: Path, suffix: str) -> None:
    head = clips(f"clip{suffix}").read_bytes()[:60]
    assert refused(written(tmp_path, f"cut{suffix}", head)) in ("truncated", "no_frames")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".flv", ".ts", ".wmv", ".gif"])
def test_what_remains_of_a_cut_file_is_used(clips: Clips, tmp_path: Path, suffix: str) -> None:
    options = {"movflags": "faststart"} if suffix == ".mp4" else {}
    size = (160, 128)
    whole = clips(f"clip{suffix}", seconds=4, container_options=options, size=size).read_bytes()
    path = written(tmp_path, f"cut{suffix}", whole[: len(whole) * 6 // 10])
    with open_video(path) as video:
        frames = list(video.frames(Sampling("even"), 10))
    assert len(frames) == 10
    assert 1.5 < video.info.duration_s < 3.2
    assert 1.3 < frames[-1].time_s < video.info.duration_s
    for frame in frames[:-1]:
        assert stamped_time(frame.image) == pytest.approx(frame.time_s, abs=0.002)


def test_a_damaged_tail_is_left_out(clips: Clips, tmp_path: Path) -> None:
    data = bytearray(clips("clip.mp4", seconds=4, container_options={"movflags": "faststart"}).read_bytes())
    tail = len(data) // 2
    data[tail:] = np.random.default_rng(2).bytes(len(data) - tail)
    with open_video(written(tmp_path, "damaged.mp4", bytes(data))) as video:
        frames = list(video.frames(Sampling("even"), 20))
    assert "decoded_partially" in video.notes
    assert len(frames) >= 8
    for frame in frames[:8]:
        assert stamped_time(frame.image) == pytest.approx(frame.time_s, abs=0.002)


def test_limits_of_size_length_and_pixels(clips: Clips) -> None:
    path = clips("clip.mp4")
    assert refused(path, dataclasses.replace(LIMITS, max_file_bytes=1000)) == "too_large"
    assert refused(path, dataclasses.replace(LIMITS, max_duration_s=1.5)) == "too_long"
    assert refused(path, dataclasses.replace(LIMITS, max_pixels=320 * 240 - 1)) == "too_many_pixels"
    exact = dataclasses.replace(LIMITS, max_pixels=320 * 240, max_duration_s=2.0, max_file_bytes=10**6)
    assert probe(path, exact).frame_count == 50


def test_an_absurd_claim_of_length_refuses_nobody(clips: Clips, tmp_path: Path) -> None:
    data = bytearray(clips("clip.mkv").read_bytes())
    place = data.index(b"\x44\x89\x88") + 3  # the Duration element: a double in milliseconds
    data[place : place + 8] = np.array(1e12, ">f8").tobytes()
    path = written(tmp_path, "absurd.mkv", bytes(data))
    with av.open(str(path)) as container:
        assert container.duration > 10**14
    assert probe(path).duration_s == pytest.approx(2.0, abs=0.05)


def test_a_codec_that_nobody_knows(clips: Clips, tmp_path: Path) -> None:
    data = clips("clip.mp4").read_bytes().replace(b"avc1", b"zzzz")
    assert refused(written(tmp_path, "unknown.mp4", data)) == "unsupported_codec"


def test_a_video_without_a_single_frame(clips: Clips, tmp_path: Path) -> None:
    data = clips("clip.mp4", container_options={"movflags": "faststart"}).read_bytes()
    start = data.index(b"mdat") + 4
    assert refused(written(tmp_path, "none.mp4", data[:start] + bytes(len(data) - start))) == "no_frames"


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAYLIST,
        "ffconcat version 1.0\nfile '{url}'\n",
        "v=0\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    ],
    ids=["hls", "concat", "sdp"],
)
def test_playlists_reach_no_other_file(clips: Clips, tmp_path: Path, text: str) -> None:
    other = clips("clip.ts")
    for url in (f"file:{other}", "fd:"):
        path = written(tmp_path, "clip.mp4", text.format(url=url).encode())
        assert refused(path) == "not_a_video"


def test_an_odd_name_is_only_a_name(clips: Clips, tmp_path: Path) -> None:
    data = clips("clip.mp4").read_bytes()
    for name in ("http:example.mp4", "pipe:0", "-i.mp4", "%03d.mp4", "weiß\u202e.mp4", "no_suffix"):
        assert probe(written(tmp_path, name, data)).codec == "h264"


def test_a_protected_film_is_named_as_such(clips: Clips) -> None:
    """Common Encryption, as shops and streaming services use it."""
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00112233445566778899aabbccddeeff"}
    path = clips("film.mp4", container_options={**key, "encryption_kid": "00112233445566778899aabbccddee00"})
    assert refused(path) == "protected"


def test_a_broken_animation_is_damaged(tmp_path: Path) -> None:
    pictures = [Image.fromarray(picture(i / 10)) for i in range(3)]
    pictures[0].save(tmp_path / "moving.webp", save_all=True, append_images=pictures[1:])
    data = (tmp_path / "moving.webp").read_bytes()
    assert refused(written(tmp_path, "cut.webp", data[: len(data) // 2])) == "truncated"
    assert refused(tmp_path / "moving.webp", Limits(max_pixels=320 * 240 - 1)) == "too_many_pixels"
