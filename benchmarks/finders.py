"""Compare finders of faces: recall, false faces and time on one core, by size of the copy that is searched.

    OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.finders [--clips FOLDER] [--frames 2] [--only NAME ...]

Every finder sees the same pictures in the same run. Without --clips these are made of public-domain pictures;
with it also frames of clips that are cut to one face each, by the face's turn. A face is found if a box lies
about it; a box about nothing of what was put there is a false face.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from benchmarks.finder_candidates import CANDIDATES, Find, Hit, Image
from benchmarks.finder_scenes import Scene, Spot, clip_scenes, own_scenes

NEAR = 0.7  # of a face's width: as far as a box's middle may lie from the face's
SMALLEST, LARGEST = 0.4, 2.5  # of a face's width: the box's
TURNS = (
    ("frontal", 0.2),
    ("half turned", 0.5),
    ("profile", float("inf")),
)  # nose from the middle of the eyes
CLIP_WIDTHS = (400, 170, 85, 45)  # of a picture of 1280


class Tally:
    """What one finder made of one group of pictures."""

    def __init__(self) -> None:
        self.faces = self.found = self.false = self.pictures = 0

    def add(self, scene: Scene, hits: Sequence[Hit]) -> None:
        self.pictures += 1
        self.faces += len(scene.faces)
        self.found += sum(any(about(hit, face) for hit in hits) for face in scene.faces)
        self.false += sum(not any(about(hit, face) for face in scene.faces) for hit in hits)


def about(hit: Hit, face: Spot) -> bool:
    """Whether a box is one about a face."""
    across, down = (hit.left + hit.right) / 2 - face[0], (hit.top + hit.bottom) / 2 - face[1]
    width = ((hit.right - hit.left) * (hit.bottom - hit.top)) ** 0.5
    return float(np.hypot(across, down)) < NEAR * face[2] and SMALLEST < width / face[2] < LARGEST


def searched(find: Find, image: Image, side: int) -> tuple[list[Hit], float]:
    """The boxes on a copy of this long side, in pixels of the picture; and the seconds of the search."""
    scale = side / max(image.shape[:2])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    copy = np.ascontiguousarray(cv2.resize(image, size, interpolation=way), dtype=np.uint8)
    started = time.process_time()
    hits = find(copy)
    seconds = time.process_time() - started
    edges = [
        Hit(h.left / scale, h.top / scale, h.right / scale, h.bottom / scale, h.score, h.turn) for h in hits
    ]
    return edges, seconds


def compare(scenes: Iterable[Scene], names: Sequence[str], judge: str | None) -> str:
    """A table in Markdown. `judge`: the finder whose landmarks tell how far a face of a clip is turned."""
    finders: dict[tuple[str, int], Find] = {}
    for name in names:
        try:
            made = CANDIDATES[name][0]()
        except ModuleNotFoundError as error:
            print(f"{name} is left out: {error.name or error} is not installed")
            continue
        finders |= {(name, side): made for side in CANDIDATES[name][1]}
    tallies: dict[tuple[str, int], dict[str, Tally]] = {key: defaultdict(Tally) for key in finders}
    seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
    for scene in scenes:
        turn = _turn(scene, CANDIDATES[judge][0]) if judge and scene.group.startswith("clips") else ""
        for key, find in finders.items():
            hits, spent = searched(find, scene.image, key[1])
            tallies[key][scene.group].add(scene, hits)
            seconds[key].append(spent)
            if turn:
                tallies[key][turn].add(scene, hits)
    return _table(tallies, {key: median(spent) for key, spent in seconds.items()})


_judges: dict[object, Find] = {}


def _turn(scene: Scene, make: object) -> str:
    if make not in _judges:
        assert callable(make)
        _judges[make] = make()
    hits, _ = searched(_judges[make], scene.image, 800)
    turns = [hit.turn for hit in hits if hit.turn is not None and about(hit, scene.faces[0])]
    if not turns:
        return "clips: turn unknown"
    return "clips: " + next(name for name, most in TURNS if turns[0] < most)


def _table(tallies: dict[tuple[str, int], dict[str, Tally]], seconds: dict[tuple[str, int], float]) -> str:
    groups = list(dict.fromkeys(group for tally in tallies.values() for group in tally))
    head = ["Found, %", *(f"{name}, {side} px" for name, side in tallies)]
    rows = [head, ["---"] * len(head), ["ms a picture", *(f"{seconds[key] * 1e3:.1f}" for key in tallies)]]
    for group in groups:
        some = next(iter(tallies.values()))[group]
        cells = [tally[group] for tally in tallies.values()]
        if some.faces:
            rows.append([f"{group} ({some.faces})", *(f"{100 * c.found / c.faces:.0f}" for c in cells)])
    everything = [
        (sum(t.false for g, t in tally.items()), sum(t.pictures for g, t in tally.items()))
        for tally in tallies.values()
    ]
    rows.append(["false faces a picture", *(f"{false / max(1, n):.3f}" for false, n in everything)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Compare on one core and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of MP4 files, each cut to one face")
    parser.add_argument("--frames", type=int, default=2, help="of each clip (default: %(default)s)")
    parser.add_argument("--skip-own", action="store_true", help="only the clips")
    parser.add_argument("--every", type=int, default=1, help="take one of so many clips")
    parser.add_argument("--only", nargs="*", default=list(CANDIDATES), choices=list(CANDIDATES))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if not options.skip_own:
        print(compare(own_scenes(), options.only, None), flush=True)
    if options.clips:
        scenes = clip_scenes(options.clips, options.frames, CLIP_WIDTHS, options.every)
        print("\n" + compare(scenes, options.only, "RetinaFace 0.25"))


if __name__ == "__main__":
    main()
