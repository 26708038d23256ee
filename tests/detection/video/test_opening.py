"""Videos of every container and codec, as the pipeline sees them."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.video.opening import Frame, open_video, probe
from tests.media import Clips, make_clip, picture, stamped_time

EVEN = Sampling("even")
X264 = {"preset": "veryfast", "bf": "3", "sc_threshold": "0"}
X265 = {"preset": "ultrafast", "x265-params": "log-level=none:bframes=4:keyint=25:pools=1"}


def read(path: Path, sampling: Sampling = EVEN, count: int = 10) -> list[Frame]:
    with open_video(path) as video:
        return list(video.frames(sampling, count))


def assert_stamped(frames: list[Frame], tolerance_s: float = 0.001) -> None:
    """The pictures are those of the times that the frames claim."""
    for frame in frames:
        assert stamped_time(frame.image) == pytest.approx(frame.time_s, abs=tolerance_s)


@pytest.mark.parametrize(
    ("name", "arguments", "codec"),
    [
        ("clip.mp4", {}, "h264"),
        ("clip.mov", {}, "h264"),
        ("clip.m4v", {}, "h264"),
        ("clip.mkv", {}, "h264"),
        ("clip.ts", {}, "h264"),
        ("clip.3gp", {}, "mpeg4"),
        ("clip.avi", {}, "mpeg4"),
        ("clip.flv", {}, "flv1"),
        ("clip.wmv", {}, "wmv2"),
        ("clip.webm", {}, "vp8"),
        ("clip.gif", {"size": (160, 128)}, "gif"),
        ("clip.3gp", {"codec": "h263", "size": (352, 288)}, "h263"),
        ("clip.webm", {"codec": "libvpx-vp9"}, "vp9"),
        ("clip.webm", {"codec": "libsvtav1"}, "av1"),
        ("clip.mp4", {"codec": "libsvtav1"}, "av1"),
        ("clip.mp4", {"codec": "libx265", "options": X265}, "hevc"),
        ("clip.ts", {"codec": "libx265", "options": X265}, "hevc"),
        ("clip.mov", {"codec": "mjpeg"}, "mjpeg"),
        ("clip.avi", {"codec": "mjpeg"}, "mjpeg"),
        ("clip.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}, "prores"),
        ("clip.ts", {"codec": "mpeg2video", "options": {"bf": "2"}}, "mpeg2video"),
        ("reordered.mp4", {"options": X264}, "h264"),
        ("reordered.ts", {"options": X264}, "h264"),
        ("reordered.flv", {"codec": "libx264", "options": X264}, "h264"),
        ("reordered.avi", {"codec": "libx264", "options": X264}, "h264"),
    ],
)
def test_frames_are_spread_over_the_time(clips: Clips, name: str, arguments: dict, codec: str) -> None:
    path = clips(name, **arguments)
    with open_video(path) as video:
        frames = list(video.frames(EVEN, 10))
        info = video.info
    assert info.codec == codec
    assert (info.width, info.height) == arguments.get("size", (320, 240)) or codec == "h263"
    assert info.duration_s == pytest.approx(2.0, abs=0.05)
    assert info.frame_rate == pytest.approx(25, rel=0.02)
    assert info.frame_count == 50
    assert [frame.index for frame in frames] == list(range(10))
    assert [frame.time_s for frame in frames] == pytest.approx([0.08 + 0.2 * i for i in range(10)], abs=0.03)
    assert_stamped(frames)
    assert not video.notes
    for frame in frames:
        assert frame.image.shape == (info.height, info.width, 3)
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        assert frame.scale == 1.0


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_sound_changes_nothing(clips: Clips, suffix: str) -> None:
    path = clips(f"talk{suffix}", audio=True)
    assert probe(path).has_audio
    assert_stamped(read(path))


def test_colours_are_rgb_and_in_place(clips: Clips) -> None:
    (frame,) = read(clips("colour.mp4", people=1), count=1)
    original = picture(frame.time_s).astype(int)
    assert np.abs(frame.image.astype(int) - original).mean() < 6
    assert np.abs(frame.image[..., ::-1].astype(int) - original).mean() > 12


@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_rotated_videos_stand_upright(clips: Clips, suffix: str, rotation: int) -> None:
    path = clips(f"turned{suffix}", rotation=rotation, size=(192, 320))
    with open_video(path) as video:
        frames = list(video.frames(EVEN, 4))
    assert (video.info.width, video.info.height, video.info.rotation) == (192, 320, rotation)
    assert frames[0].image.shape == (320, 192, 3)
    assert_stamped(frames)


def test_mirrored_videos_are_mirrored_back(tmp_path: Path) -> None:
    path = tmp_path / "mirrored.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.set_display_rotation(90, hflip=True)
        for i in range(3):
            upright = picture(i / 25, (240, 320))
            # The matrix turns counter-clockwise and then mirrors; undo both, last one first.
            stored = np.rot90(upright[:, ::-1], k=-1)
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(stored))):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    frames = read(path, count=3)
    assert frames[0].image.shape == (320, 240, 3)
    assert_stamped(frames)


@pytest.mark.parametrize(
    ("size", "pix_fmt", "codec"),
    [
        ((321, 241), "yuv444p", "libx264"),
        ((321, 241), "yuv420p", "libvpx"),
        ((320, 240), "yuv420p10le", "libx265"),
        ((240, 426), "yuv420p", "libx264"),
        ((320, 240), "gray", "libx264"),
    ],
)
def test_odd_sizes_depths_and_portrait(clips: Clips, size: tuple[int, int], pix_fmt: str, codec: str) -> None:
    path = clips("odd.mkv", size=size, pix_fmt=pix_fmt, codec=codec)
    frames = read(path, count=5)
    assert frames[0].image.shape == (size[1], size[0], 3)
    assert_stamped(frames)


def test_pixels_become_square(clips: Clips) -> None:
    wide = clips("anamorphic.mp4", sample_aspect_ratio=Fraction(4, 3))
    (frame,) = read(wide, count=1)
    assert frame.image.shape == (240, 427, 3)
    assert_stamped([frame])
    narrow = clips("anamorphic.mp4", sample_aspect_ratio=Fraction(1, 2))
    assert (probe(narrow).width, probe(narrow).height) == (320, 480)


def test_an_absurd_pixel_shape_is_not_believed(clips: Clips) -> None:
    info = probe(clips("absurd.mp4", sample_aspect_ratio=Fraction(200, 1)))
    assert (info.width, info.height) == (320, 240)


def test_a_variable_frame_rate_is_sampled_by_time(clips: Clips) -> None:
    times = [i * 0.04 for i in range(50)] + [5 + i * 0.01 for i in range(50)] + [9.0]
    path = clips("variable.mp4", times=times, options=X264)
    frames = read(path, count=10)
    assert_stamped(frames)
    assert len(frames) == 10
    assert all(earlier.time_s < later.time_s for earlier, later in pairwise(frames))
    assert frames[0].time_s < 0.5
    assert frames[-1].time_s == pytest.approx(9.0)


def test_bursts_are_neighbouring_frames(clips: Clips) -> None:
    path = clips("long.mp4", seconds=8, options=X264, gop=60)
    frames = read(path, Sampling("bursts", burst=4), 12)
    assert_stamped(frames)
    gaps = [later.time_s - earlier.time_s for earlier, later in pairwise(frames)]
    assert [round(gap / 0.04) for gap in gaps[0:3] + gaps[4:7] + gaps[8:11]] == [1] * 9
    assert min(gaps[3], gaps[7]) > 2


def test_first_is_the_start_of_the_file(clips: Clips) -> None:
    frames = read(clips("long.mp4", seconds=8, options=X264, gop=60), Sampling("first"), 7)
    assert [frame.time_s for frame in frames] == pytest.approx([i * 0.04 for i in range(7)])
    assert_stamped(frames)


@pytest.mark.parametrize("pattern", ["even", "bursts", "first"])
@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_a_video_with_fewer_frames_gives_all_and_says_so(clips: Clips, suffix: str, pattern: str) -> None:
    path = clips(f"short{suffix}", seconds=0.28, size=(160, 128))
    with open_video(path) as video:
        frames = list(video.frames(Sampling(pattern, burst=4), 40))
    assert [frame.time_s for frame in frames] == pytest.approx([i * 0.04 for i in range(7)], abs=0.011)
    assert video.notes == ("fewer_frames_than_requested",)


def test_one_frame_is_a_video(clips: Clips) -> None:
    path = clips("one.mp4", seconds=0.04)
    (frame,) = read(path, count=10)
    assert frame.time_s == 0.0


def test_large_frames_are_scaled_down_and_small_ones_left(clips: Clips) -> None:
    path = clips("clip.mp4")
    with open_video(path) as video:
        small = next(video.frames(EVEN, 1, max_side=100))
    assert small.image.shape == (75, 100, 3)
    assert small.scale == pytest.approx(100 / 320)
    with open_video(path) as video:
        assert next(video.frames(EVEN, 1, max_side=None)).scale == 1.0
    turned = clips("turned.mp4", rotation=90, size=(192, 320))
    with open_video(turned) as video:
        assert next(video.frames(EVEN, 1, max_side=160)).image.shape == (160, 96, 3)


def test_an_intra_refresh_without_keyframes_is_read_exactly(clips: Clips) -> None:
    path = clips("refresh.mp4", seconds=6, options=X264 | {"x264-params": "intra-refresh=1:keyint=30"})
    frames = read(path, count=6)
    assert_stamped(frames)
    assert [frame.time_s for frame in frames] == pytest.approx([0.52, 1.52, 2.52, 3.52, 4.52, 5.52], abs=0.2)


def test_a_recording_in_fragments_as_safari_writes_it(tmp_path: Path) -> None:
    """Its index comes first and holds nothing: no duration, no frames."""
    flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "brand": "iso5"}
    path = make_clip(tmp_path / "recorder.mp4", seconds=3, container_options=flags)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"moof") < data.index(b"mdat")
    assert data.count(b"moof") > 3
    frames = read(path)
    assert_stamped(frames)
    assert len(frames) == 10
    assert probe(path).duration_s == pytest.approx(3.0, abs=0.1)


def test_a_live_recording_without_duration_or_index(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "recorder.webm", seconds=3, container_options={"live": "1"})
    with av.open(str(path)) as container:
        assert container.duration is None
    frames = read(path, count=6)
    assert [frame.time_s for frame in frames] == pytest.approx([0.25 + i * 0.5 for i in range(6)], abs=0.04)
    assert_stamped(frames)


def test_timestamps_that_start_anew_are_not_trusted(clips: Clips, tmp_path: Path) -> None:
    part = clips("part.ts", seconds=8).read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(part + part)
    frames = read(path, count=8)
    assert [stamped_time(frame.image) for frame in frames] == pytest.approx([1, 3, 5, 7, 1, 3, 5, 7], abs=0.2)
    assert all(earlier.time_s < later.time_s for earlier, later in pairwise(frames))


def test_sound_longer_than_the_picture_does_not_stretch_it(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", seconds=8, times=[i / 25 for i in range(50)], audio=True)
    with av.open(str(path)) as container:
        assert container.duration > 7_000_000
    assert probe(path).duration_s == pytest.approx(2.0, abs=0.05)
    assert len(read(path, count=40)) == 40


def test_decoding_time_is_told(clips: Clips) -> None:
    with open_video(clips("clip.mp4")) as video:
        opened = video.decode_seconds
        list(video.frames(EVEN, 50))
    assert 0 < opened < video.decode_seconds < 30


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_an_animated_picture_is_a_video(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"moving{suffix}"
    pictures = [Image.fromarray(picture(i / 10)) for i in range(12)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100, quality=95)
    with open_video(path) as video:
        frames = list(video.frames(Sampling("even"), 4))
    assert (video.info.width, video.info.height) == (320, 240)
    assert video.info.codec == suffix[1:].replace("png", "apng")
    assert 1.0 < video.info.duration_s < 1.4
    assert [frame.time_s for frame in frames] == pytest.approx([0.1, 0.4, 0.7, 1.0], abs=0.11)
    assert [stamped_time(frame.image) for frame in frames] == pytest.approx(
        [f.time_s for f in frames], abs=0.01
    )


def test_frames_are_read_to_their_end_before_others_are_asked_for(clips: Clips) -> None:
    with open_video(clips("clip.mp4")) as video:
        frames = video.frames(EVEN, 4)
        next(frames)
        with pytest.raises(RuntimeError, match="to their end"):
            video.frames_at([0.5])
        list(frames)
        with pytest.raises(RuntimeError, match="once"):
            video.frames(EVEN, 4)
        (more,) = video.frames_at([0.5])
    assert stamped_time(more.image) == pytest.approx(more.time_s, abs=0.002)
