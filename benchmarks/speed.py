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

from benchmarks.measure import Measured, measure
from benchmarks.published import write_checkpoint
from tests.media import loop_clip, make_clip

Runner = Callable[[], Measured]
GIB = 1024**3
ENCODING = {"preset": "veryfast", "bf": "3"}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    seconds: float = 16.0  # length of the usual clip
    size: tuple[int, int] = (1280, 720)
    counts: tuple[int, ...] = (20, 100)  # of frames, beside the published pipeline
    frames: tuple[int, ...] = (10, 20, 40, 60, 80, 100)
    sizes: tuple[tuple[int, int], ...] = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))
    hour: int = 360  # times ten seconds
    rounds: int = 3
    rounds_published: int = 2


def compare(effort: Effort, folder: Path) -> str:
    """The published pipeline and ours on one clip, in turn."""
    clip, checkpoint = _clip(folder, effort), folder / "published.pt"
    write_checkpoint(checkpoint)
    rows = []
    for count in effort.counts:
        sides = _alternate(
            {
                "published": lambda count=count: measure("benchmarks.published", clip, count, checkpoint),
                "ours": lambda count=count: measure("benchmarks.ours", clip, count),
            },
            effort.rounds_published,
        )
        rows += [[f"{count}, {name}", *_cells(runs)] for name, runs in sides.items()]
        times = _wall(sides["published"]) / _wall(sides["ours"])
        memory = _peak(sides["published"]) / _peak(sides["ours"])
        rows.append([f"{count}, ratio", f"{times:.1f} times faster", "", f"{memory:.1f} times less"])
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
    """Ten seconds, and an hour of them with ten seconds from keyframe to keyframe."""
    count = max(effort.frames)
    short = make_clip(folder / "short.mp4", seconds=10, size=effort.size, gop=250, options=ENCODING)
    hour = loop_clip(short, folder / "hour.mp4", effort.hour)
    names = {"10 s": short, f"{effort.hour * 10 / 60:g} min": hour}
    runs = _alternate(
        {name: lambda path=path: measure("benchmarks.ours", path, count) for name, path in names.items()},
        effort.rounds,
    )
    rows = [[name, *_cells(measured)] for name, measured in runs.items()]
    first, last = runs.values()
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
    runs = _alternate(
        {name: lambda path=path: measure("benchmarks.ours", path, count) for name, path in clips.items()},
        effort.rounds,
    )
    rows = [[name, *_cells(measured)] for name, measured in runs.items()]
    return _table(["Picture", f"Wall for {count} frames, s", "CPU, s", "Peak memory, GiB"], rows)


def parts(effort: Effort, folder: Path) -> str:
    """Where the time goes, beside what cannot be done without."""
    clip, count = _clip(folder, effort), max(effort.frames)
    runs = _alternate(
        {
            "floor": lambda: measure("benchmarks.parts", clip, count),
            "ours": lambda: measure("benchmarks.ours", clip, count),
        },
        effort.rounds,
    )
    floor, ours = (
        {
            part: median(run.output["seconds"][part] for run in runs[side])
            for part in runs[side][0].output["seconds"]
        }
        for side in ("floor", "ours")
    )
    rows = [
        ["Decoding alone", f"{floor['decode']:.2f}"],
        ["HOG alone, on 640-pixel copies, one core", f"{floor['hog']:.2f}"],
        ["Importing the network's library and loading the weights, alone", f"{floor['load']:.2f}"],
        ["Network alone", f"{floor['network']:.2f}"],
        ["Ours: decoding and finding faces, while the weights load", f"{ours['faces']:.2f}"],
        ["Ours: waiting for the network after that", f"{ours['network']:.2f}"],
        ["Ours: heatmaps", f"{ours['explain']:.2f}"],
        ["Ours: from the start of the process to its end", f"{_wall(runs['ours']):.2f}"],
    ]
    return _table([f"Part, {count} frames", "Wall, s"], rows)


PARTS: dict[str, Callable[[Effort, Path], str]] = {
    "compare": compare,
    "frames": frames,
    "length": length,
    "resolution": resolution,
    "parts": parts,
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


def _alternate(sides: Mapping[str, Runner], rounds: int) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, runner in sides.items():
            found[name].append(runner())
    return found


def _wall(runs: Sequence[Measured]) -> float:
    return median(run.wall for run in runs)


def _peak(runs: Sequence[Measured]) -> float:
    return median(run.peak for run in runs)


def _cells(runs: Sequence[Measured]) -> list[str]:
    return [f"{_wall(runs):.2f}", f"{median(run.cpu for run in runs):.2f}", f"{_peak(runs) / GIB:.2f}"]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
