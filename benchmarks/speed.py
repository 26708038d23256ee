"""Speed and memory of one analysis, beside the published pipeline and against frames, length and resolution.

Every measurement is a fresh process on two cores, with all that it starts; what is compared alternates, so
that a machine whose speed drifts changes both sides alike. Figures are medians.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.measure import Measured, measure
from benchmarks.published import write_checkpoint
from tests.media import Image, loop_clip, make_clip, picture

Runner = Callable[[], Measured]
GIB = 1024**3
LATE = 8.0  # seconds after which a face is seen in the clip that is mostly without one
AFTER_THE_FIRST = 3  # scans of a process, for what a scan costs a worker
ENCODING = {"preset": "veryfast", "bf": "3"}

PART_WORDS = {
    "start": "Start: libraries and weights",
    "start_faces": "Start: the processes that look for faces, and what they load",
    "start_decoder": "Start: the process that decodes",
    "decode": "Decoding",
    "find": "Finding faces",
    "turn": "Which way up, four frames",
    "landmarks": "Landmarks",
    "chip": "Aligned faces",
    "crop": "Crops for the network",
    "thumbnail": "Thumbnails",
    "signature": "Miniatures of frames, to notice cuts",
    "rest": "What else is done with a frame",
    "describe": "Describing faces, where it is not clear who is who",
    "network": "Network",
    "scores": "Head, and what varies over time",
    "explain": "Heatmaps",
    "whole": "Everything, in one process after the other",
}
SEARCHING = ("find", "turn", "landmarks", "chip", "crop", "thumbnail", "signature")


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    seconds: float = 16.0  # length of the usual clip
    size: tuple[int, int] = (1280, 720)
    counts: tuple[int, ...] = (20, 100)  # of frames, beside the published pipeline
    frames: tuple[int, ...] = (10, 20, 40, 60, 80, 100)
    sizes: tuple[tuple[int, int], ...] = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))
    hour: int = 360  # times ten seconds
    crowd: tuple[int, int] = (4, 3)  # people side by side, and rows of them
    scans: int = 10  # one after the other in one process
    rounds: int = 3
    rounds_published: int = 2


def compare(effort: Effort, folder: Path) -> str:
    """The published pipeline and ours on one clip, in turn; and a scan of a worker that runs already.

    The published pipeline builds its model for each request, so that its request has no start to leave out.
    """
    clip, checkpoint = _clip(folder, effort), folder / "published.pt"
    write_checkpoint(checkpoint)
    rows = []
    for count in effort.counts:
        sides = _alternate(
            {
                "published": lambda count=count: measure("benchmarks.published", clip, count, checkpoint),
                "ours": lambda count=count: measure("benchmarks.ours", clip, count),
                "scan": lambda count=count: measure("benchmarks.again", clip, count, AFTER_THE_FIRST + 1),
            },
            effort.rounds_published,
        )
        scans = sides.pop("scan")
        rows += [[f"{count}, {name}", *_cells(runs)] for name, runs in sides.items()]
        times = _wall(sides["published"]) / _wall(sides["ours"])
        memory = _peak(sides["published"]) / _peak(sides["ours"])
        rows.append([f"{count}, ratio", f"{times:.1f} times faster", "", f"{memory:.1f} times less"])
        wall, cpu = (
            median(second for scan in scans for second in scan.output[clock][1:]) for clock in ("wall", "cpu")
        )
        request = median(sum(run.output["seconds"].values()) for run in sides["published"])
        rows.append(
            [f"{count}, ours, the scan alone", f"{wall:.2f}", f"{cpu:.2f}", f"{_peak(scans) / GIB:.2f}"]
        )
        rows.append([f"{count}, request to scan, ratio", f"{request / wall:.1f} times faster", "", ""])
    return _table(["Frames", "Wall, s", "CPU, s", "Peak memory, GiB"], rows)


def frames(effort: Effort, folder: Path) -> str:
    """Cost against the number of frames."""
    clip = _clip(folder, effort)
    runs = _alternate(
        {str(count): lambda count=count: measure("benchmarks.ours", clip, count) for count in effort.frames},
        effort.rounds,
    )
    return _table(
        ["Frames", "Wall, s", "CPU, s", "Peak memory, GiB"], [[k, *_cells(v)] for k, v in runs.items()]
    )


def length(effort: Effort, folder: Path) -> str:
    """Ten seconds, an hour of them with ten seconds from keyframe to keyframe, and ten mostly empty ones."""
    count = max(effort.frames)
    short = make_clip(folder / "short.mp4", seconds=10, size=effort.size, gop=250, options=ENCODING)
    hour = loop_clip(short, folder / "hour.mp4", effort.hour)
    late = make_clip(
        folder / "late.mp4",
        seconds=10,
        size=effort.size,
        gop=250,
        options=ENCODING,
        draw=lambda time_s: picture(time_s, effort.size, people=int(time_s >= LATE)),
    )
    names = {"10 s": short, f"{effort.hour * 10 / 60:g} min": hour, "10 s, a face in two of them": late}
    runs, rows = _each(names, count, effort.rounds)
    first, last, _ = runs.values()
    rows.append(["ratio", f"{_wall(last) / _wall(first):.2f}", "", f"{_peak(last) / _peak(first):.2f}"])
    return _table(["Length", f"Wall for {count} frames, s", "CPU, s", "Peak memory, GiB"], rows)


def resolution(effort: Effort, folder: Path) -> str:
    """Cost against the size of the picture."""
    count = min(40, max(effort.frames))
    clips = {
        f"{size[0]} × {size[1]}": make_clip(  # noqa: RUF001 - a sign of multiplication
            folder / f"{size[1]}.mp4", seconds=4, size=size, gop=50, options=ENCODING
        )
        for size in effort.sizes
    }
    _, rows = _each(clips, count, effort.rounds)
    return _table(["Picture", f"Wall for {count} frames, s", "CPU, s", "Peak memory, GiB"], rows)


def people(effort: Effort, folder: Path) -> str:
    """One person, and many of the same size."""
    count, many = max(effort.frames), effort.crowd[0] * effort.crowd[1]
    clips = {
        str(number): make_clip(
            folder / f"{number}.mp4",
            seconds=effort.seconds,
            size=effort.size,
            gop=50,
            options=ENCODING,
            draw=lambda time_s, number=number: _crowd(time_s, effort, number),
        )
        for number in (1, many)
    }
    runs, rows = _each(clips, count, effort.rounds)
    one, all_of_them = runs.values()
    times = [f"{of(all_of_them) / of(one):.1f} times" for of in (_wall, _cpu, _peak)]
    return _table(
        ["People", f"Wall for {count} frames, s", "CPU, s", "Peak memory, GiB"], [*rows, ["ratio", *times]]
    )


def parts(effort: Effort, folder: Path) -> str:
    """Where the processor's time goes."""
    clip, count = _clip(folder, effort), max(effort.frames)
    runs = [measure("benchmarks.parts", clip, count).output["seconds"] for _ in range(effort.rounds)]
    seconds = {part: median(run.get(part, 0.0) for run in runs) for part in runs[0]}
    seconds["rest"] = max(0.0, seconds["search"] - sum(seconds.get(part, 0.0) for part in SEARCHING))
    seconds["whole"] = seconds["start"] + seconds["start_faces"] + seconds["analysis"]
    rows = [[words, f"{seconds.get(part, 0.0):.2f}"] for part, words in PART_WORDS.items()]
    return _table([f"Part, {count} frames", "CPU, s"], rows)


def again(effort: Effort, folder: Path) -> str:
    """The first scans of a process that has warmed up, and the last of several."""
    clip, count = _clip(folder, effort), min(effort.counts)
    runs = [
        measure("benchmarks.again", clip, count, effort.scans).output["cpu"] for _ in range(effort.rounds)
    ]
    numbers = sorted({0, 1, effort.scans - 1})
    rows = [[str(number + 1), f"{median(run[number] for run in runs):.2f}"] for number in numbers]
    return _table([f"Scan of {count} frames", "CPU, s"], rows)


PARTS: dict[str, Callable[[Effort, Path], str]] = {
    "compare": compare,
    "frames": frames,
    "length": length,
    "resolution": resolution,
    "people": people,
    "parts": parts,
    "again": again,
}


def run(part: str, effort: Effort) -> str:
    """Measure one part; its clips are made for it and removed again.

    Returns:
        A table in Markdown.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        return PARTS[part](effort, Path(folder))


def _clip(folder: Path, effort: Effort) -> Path:
    return make_clip(folder / "clip.mp4", seconds=effort.seconds, size=effort.size, gop=50, options=ENCODING)


def _crowd(time_s: float, effort: Effort, people: int) -> Image:
    """People in rows, each in a field of their own; every other one is mirrored, and all sway in turn."""
    (width, height), (across, down) = effort.size, effort.crowd
    cell = width // across, height // down
    image = np.full((height, width, 3), 90, np.uint8)
    for person in range(people):
        row, column = divmod(person, across)
        face = picture(time_s + person, cell)[:, :: -1 if person % 2 else 1]
        image[row * cell[1] : (row + 1) * cell[1], column * cell[0] : (column + 1) * cell[0]] = face
    return image


def _each(
    clips: Mapping[str, Path], count: int, rounds: int
) -> tuple[dict[str, list[Measured]], list[list[str]]]:
    """Ours on so many frames of each clip, in turn, and a row of the table for each."""
    runs = _alternate(
        {name: lambda path=path: measure("benchmarks.ours", path, count) for name, path in clips.items()},
        rounds,
    )
    return runs, [[name, *_cells(measured)] for name, measured in runs.items()]


def _alternate(sides: Mapping[str, Runner], rounds: int) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, runner in sides.items():
            found[name].append(runner())
    return found


def _wall(runs: Sequence[Measured]) -> float:
    return median(run.wall for run in runs)


def _cpu(runs: Sequence[Measured]) -> float:
    return median(run.cpu for run in runs)


def _peak(runs: Sequence[Measured]) -> float:
    return median(run.peak for run in runs)


def _cells(runs: Sequence[Measured]) -> list[str]:
    return [f"{_wall(runs):.2f}", f"{_cpu(runs):.2f}", f"{_peak(runs) / GIB:.2f}"]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
