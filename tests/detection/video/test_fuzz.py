"""Two hundred damaged clips: whatever is in a file, it becomes frames or an error with a known code."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.errors import VideoError
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.findings import Limits, Reason, Verdict
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.video.errors import MESSAGES
from ml_app.detection.video.opening import NOTES, open_video
from tests.media import Clips

CASES = 200
FACE_CASES = 50  # faces are looked for in these, which takes longer
SEED = 20
LIMITS = replace(Limits(), wall_seconds=20.0, cpu_seconds=15, memory_bytes=2 * 1024**3)
CLIPS = [
    ("a.mp4", {"options": {"bf": "2"}, "container_options": {"movflags": "faststart"}}),
    ("b.mp4", {"codec": "libx265", "container_options": {"movflags": "frag_keyframe+empty_moov"}}),
    ("c.mov", {"codec": "mjpeg", "rotation": 90}),
    ("d.webm", {}),
    ("e.webm", {"codec": "libvpx-vp9", "audio": True}),
    ("f.mkv", {"codec": "libsvtav1"}),
    ("g.ts", {}),
    ("h.avi", {}),
    ("i.flv", {}),
    ("j.wmv", {}),
    ("k.gif", {}),
    ("l.3gp", {"codec": "h263", "size": (176, 144)}),
]


@pytest.fixture(scope="module")
def whole(clips: Clips) -> list[bytes]:
    """Small clips of many containers and codecs."""
    common = {"seconds": 0.8, "fps": 10, "size": (96, 80), "gop": 4}
    return [clips(name, **{**common, **arguments}).read_bytes() for name, arguments in CLIPS]


def mutated(rng: np.random.Generator, data: bytes, other: bytes) -> tuple[str, bytes]:
    """One to three ways to damage a file."""
    ways = rng.choice(
        ["bits", "header", "cut", "hole", "splice", "repeat", "swap", "numbers"], rng.integers(1, 4)
    )
    for way in ways:
        array = bytearray(data)
        size = len(array)
        if size < 16:
            break
        start, end = sorted(int(x) for x in rng.integers(0, size, 2))
        if way in ("bits", "header"):
            reach = size if way == "bits" else min(size, 600)
            for place in rng.integers(0, reach, rng.integers(1, 40)):
                array[place] ^= 1 << int(rng.integers(8))
        elif way == "cut":
            array = array[:start] if rng.integers(3) else array[start:]
        elif way == "hole":
            array[start:end] = bytes(end - start)
        elif way == "splice":
            array[start:] = other[int(rng.integers(len(other))) :]
        elif way == "repeat":
            array[end:end] = array[start:end] * int(rng.integers(1, 4))
        elif way == "swap":
            array[start:end] = array[start:end][::-1]
        else:  # sizes, counts and times at their limits
            for place in rng.integers(0, min(size, 2000) - 8, rng.integers(1, 6)):
                array[place : place + 4] = [b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4), b"\0\0\0\1"][
                    rng.integers(4)
                ]
        data = bytes(array)
    return "+".join(ways), data


def outcome(path: Path) -> str:
    """A known code, or "frames" with what they must be."""
    try:
        with open_video(path, LIMITS) as video:
            frames = list(video.frames(Sampling("even"), 4, max_side=160))
    except VideoError as error:
        assert error.code in MESSAGES, error.code
        assert error.message == MESSAGES[error.code]
        assert str(path.parent) not in error.detail
        return error.code
    assert 1 <= len(frames) <= 4
    assert all(frame.image.dtype == np.uint8 and max(frame.image.shape) <= 160 for frame in frames)
    assert [frame.time_s for frame in frames] == sorted(frame.time_s for frame in frames)
    assert set(video.notes) <= set(NOTES)
    return "frames"


def test_two_hundred_damaged_clips(whole: list[bytes], tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    cases = []
    for number in range(CASES):
        way, data = mutated(rng, whole[number % len(whole)], whole[int(rng.integers(len(whole)))])
        path = tmp_path / f"{number:03d}-{way}-{CLIPS[number % len(whole)][0]}"
        path.write_bytes(data)
        cases.append(path)

    before = len(list(Path("/proc/self/fd").iterdir()))
    with ThreadPoolExecutor(2) as pool:
        counts = Counter(pool.map(outcome, cases))
    assert counts["frames"] > 30, "some damage is small"
    assert len(counts) >= 5, "and some is not"
    assert len(list(Path("/proc/self/fd").iterdir())) <= before, "nothing stays open"


def analysed(path: Path, detector: Detector, pool: FacePool) -> str:
    """A known code, or the verdict of findings that make sense."""
    try:
        found = analyse(path, detector, frames=2, limits=LIMITS, pool=pool)
    except VideoError as error:
        assert error.message == MESSAGES[error.code]
        return error.code
    again = [int(note.partition(":")[2]) for note in found.notes if note.startswith("looked_again:")]
    assert 1 <= found.frames_analysed <= 2 + sum(again), "no more than ordered, and those that it tells of"
    assert (found.fake_probability is None) == (found.verdict is Verdict.NOT_ANALYSABLE)
    assert found.fake_probability is None or 0 <= found.fake_probability <= 1
    assert (found.reason is Reason.NONE) == (found.verdict is not Verdict.NOT_ANALYSABLE)
    for face in found.faces:
        for frame in face.frames:
            assert 0 <= frame.fake_probability <= 1
            assert frame.box.left < frame.box.right
            assert frame.box.top < frame.box.bottom
            assert frame.thumbnail.startswith(b"\xff\xd8")
    return "with faces" if found.faces else "without"


def test_damaged_clips_of_a_face(clips: Clips, tmp_path: Path, detector: Detector, pool: FacePool) -> None:
    """The same damage, and what can still be decoded goes through faces, network and heatmaps as well."""
    common = {"seconds": 0.4, "fps": 10, "gop": 2}
    names = ("a.mp4", "b.webm", "c.ts", "d.avi", "e.mkv")
    whole = [clips(name, **common).read_bytes() for name in names]
    rng = np.random.default_rng(SEED + 1)
    counts: Counter[str] = Counter()
    for number in range(FACE_CASES):
        place = number % len(whole)
        _, data = mutated(rng, whole[place], whole[int(rng.integers(len(whole)))])
        path = tmp_path / names[place]
        path.write_bytes(data)
        counts[analysed(path, detector, pool)] += 1
    assert counts["with faces"] > FACE_CASES / 10, counts
    assert counts["without"] >= 1, counts
    assert set(counts) - {"with faces", "without"} <= set(MESSAGES)
