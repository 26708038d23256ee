"""Long and large videos: bounded work, bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.video.decoder import survey as surveys
from ml_app.detection.video.decoder.reader import Reader
from ml_app.detection.video.decoder.sample import Sampler
from ml_app.detection.video.opening import open_video
from ml_app.detection.video.sampling import sample_times
from tests.media import Clips, loop_clip, stamped_time

EVEN = Sampling("even")
X264 = {"preset": "veryfast", "bf": "3", "sc_threshold": "0"}


@pytest.fixture(scope="session")
def half_hour(clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half an hour with ten seconds from keyframe to keyframe, in more bytes than are read through."""
    part = clips("part.mp4", seconds=10, gop=250, options=X264, size=(160, 120))
    path = loop_clip(part, tmp_path_factory.mktemp("long") / "half_hour.mp4", 180)
    with path.open("r+b") as file:
        file.truncate(80 * 1024**2)  # a sparse tail after the last box
    return path


@pytest.mark.parametrize("count", [10, 100])
def test_a_long_video_costs_what_a_short_one_costs(half_hour: Path, count: int) -> None:
    with open_video(half_hour) as video:
        assert video.info.duration_s == pytest.approx(1800, abs=0.1)
        frames = list(video.frames(EVEN, count))
    assert len(frames) == count
    assert video.decoded_frames < 500
    assert "keyframes_only" in video.notes or count == 10
    wanted = [(i + 0.5) * 1800 / count for i in range(count)]
    assert max(abs(frame.time_s - time_s) for frame, time_s in zip(frames, wanted, strict=True)) < 10.1
    for frame in frames:
        assert stamped_time(frame.image) == pytest.approx(frame.time_s % 10, abs=0.001)


def test_bursts_of_a_long_video_stay_whole(half_hour: Path) -> None:
    with open_video(half_hour) as video:
        frames = list(video.frames(Sampling("bursts", burst=5), 50))
    assert video.decoded_frames < 700
    for start in range(0, 50, 5):
        gaps = [b.time_s - a.time_s for a, b in pairwise(frames[start : start + 5])]
        assert gaps == pytest.approx([0.04] * 4)


def test_further_frames_of_a_long_video_cost_no_more(half_hour: Path) -> None:
    """A second round goes to a few seconds: only these are decoded, and no frame comes twice."""
    with open_video(half_hour) as video:
        first = list(video.frames(EVEN, 10))
        decoded = video.decoded_frames
        shown = first[3].time_s
        more = list(video.frames_at([shown - 3 + i * 0.3 + 0.02 for i in range(20)]))
        assert video.decoded_frames - decoded < 500
        again = list(video.frames_at([frame.time_s + 0.02 for frame in first]))
    assert again == []
    assert [frame.index for frame in [*first, *more]] == list(range(10 + len(more)))
    assert len(more) >= 19
    assert all(abs(frame.time_s - shown) < 10 for frame in more)
    assert not {frame.time_s for frame in first} & {frame.time_s for frame in more}
    for frame in more:
        assert stamped_time(frame.image) == pytest.approx(frame.time_s % 10, abs=0.001)


def test_memory_does_not_grow_with_the_number_of_frames(clips: Clips) -> None:
    """Neither here nor in the child: 100 full frames of 640x480 would be 92 MB."""
    path = clips("large.mp4", seconds=8, size=(640, 480))
    code = (
        "import resource, sys; from pathlib import Path; from types import SimpleNamespace as Of;"
        "from ml_app.detection.video.opening import open_video\n"
        "def peak(count):\n"
        "    with open_video(Path(sys.argv[1])) as video:\n"
        "        for frame in video.frames(Of(pattern='even', burst=1, burst_step_s=0.0), count): pass\n"
        "    return [resource.getrusage(who).ru_maxrss for who in"
        " (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]\n"
        "print(*peak(5), *peak(200))"
    )
    command = [sys.executable, "-c", code, str(path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    here_few, child_few, here_many, child_many = map(int, output.split())
    assert here_many - here_few < 15_000  # KiB
    assert child_many - child_few < 15_000


@pytest.mark.parametrize("sampling", [EVEN, Sampling("bursts", burst=4)], ids=["even", "bursts"])
@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", "libx264"),
        (".mkv", "libx264"),
        (".ts", "libx264"),
        (".webm", "libvpx"),
        (".avi", "mpeg4"),
        (".flv", "flv"),
        (".wmv", "wmv2"),
        (".gif", "gif"),
    ],
)
def test_files_that_are_not_read_through(
    clips: Clips, monkeypatch: pytest.MonkeyPatch, suffix: str, codec: str, sampling: Sampling
) -> None:
    """As large files are treated, in this process: only the start, the end and the wanted places are read."""
    options = X264 if codec == "libx264" else {}
    path = clips(f"clip{suffix}", seconds=6, codec=codec, gop=25, options=options, size=(160, 128))
    monkeypatch.setattr(surveys, "READ_WHOLE_BYTES", 0)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with Reader(descriptor, 10**6) as reader:
            found = surveys.survey(reader, 3600)
            assert found.frame_times is None or suffix == ".gif"
            assert found.duration_s == pytest.approx(6, abs=0.15)
            times = sample_times(sampling, 12, found.duration_s, found.frame_rate)
            frames = []
            for time_s, frame in Sampler(reader, found).frames(times, 12):
                image = reader.geometry.upright(frame, 160, 128)
                frames.append(time_s)
                assert stamped_time(image) == pytest.approx(time_s, abs=0.002)
            assert not reader.damaged
    finally:
        os.close(descriptor)
    assert len(frames) == 12
    # A transport stream has no index: the keyframe after the wanted place may be the nearest to be found.
    assert np.abs(np.subtract(frames, times)).max() < (1.1 if suffix == ".ts" else 0.06)
