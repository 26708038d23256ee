"""Measure whether facts that an editor of video would look for tell manipulated clips from genuine ones.

    .venv/bin/python -m benchmarks.temporal_facts --clips clips.csv --split train dev [--keep FOLDER]

Prints a table for docs/experiments.md: for each fact how often it could be told at all, and its AUC with a
95 % bootstrap interval over origins, against all manipulated clips and against each family. 0.5 is chance;
below it, manipulated clips have less of it. Nothing of this has a part in any verdict.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import av.error
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.timelines import FACTS, NAN, Floats, Timeline, facts_of, watch
from ml_app.training.evaluation.figures import Bootstrap, Figure, figure
from ml_app.training.evaluation.table import LabelledClip, read_table

Told = tuple[LabelledClip, dict[str, float]]
ALL = "all"


def told_of(clip: LabelledClip, keep: Path | None) -> dict[str, float]:
    """The facts of a clip; of one that cannot be read, none. `keep`: where timelines are kept."""
    cv2.setNumThreads(1)  # there is a process for each core
    file = keep and keep / f"{hashlib.sha256(clip.file.encode()).hexdigest()[:16]}.npz"
    try:
        if file and file.exists():
            return facts_of(Timeline.load(file))
        timeline = watch(clip.path)
    except (OSError, ValueError, av.error.FFmpegError):
        return dict.fromkeys(FACTS, NAN)
    if file:
        timeline.save(file)
    return facts_of(timeline)


def weighted_auc(scores: Floats, fakes: npt.NDArray[np.bool_], weights: npt.NDArray[np.int64]) -> Floats:
    """Areas under the ROC curve of many resamples at once; ties count half.

    Args:
        scores: float64 (n,).
        fakes: (n,), true for manipulated.
        weights: int64 (resamples, n), how often each clip is drawn.

    Returns:
        float64 (resamples,), 0..1; not a number where a class is missing.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))  # of equal scores
    drawn, fake = weights[:, order], fakes[order]
    of_fakes = np.add.reduceat(drawn * fake, starts, axis=1).astype(np.float64)
    of_genuine = np.add.reduceat(drawn * ~fake, starts, axis=1).astype(np.float64)
    below = of_genuine.cumsum(axis=1) - of_genuine / 2
    pairs = of_fakes.sum(axis=1) * of_genuine.sum(axis=1)
    return np.divide((of_fakes * below).sum(axis=1), pairs, out=np.full(len(pairs), NAN), where=pairs > 0)


def auc_over_origins(told: Sequence[Told], fact: str, bootstrap: Bootstrap) -> Figure:
    """AUC of a fact with its interval over the clips' origins, of those clips that it could be told of."""
    usable = [(clip, facts[fact]) for clip, facts in told if not np.isnan(facts[fact])]
    if not usable:
        return figure(NAN, [], 0)
    scores = np.array([value for _, value in usable])
    fakes = np.array([clip.fake for clip, _ in usable])
    origins = sorted({clip.origin for clip, _ in usable})
    place = np.array([origins.index(clip.origin) for clip, _ in usable])
    value = weighted_auc(scores, fakes, np.ones((1, len(scores)), dtype=np.int64))[0]
    return figure(value, weighted_auc(scores, fakes, bootstrap.draws(len(origins))[:, place]), len(scores))


def groups(told: Sequence[Told]) -> dict[str, list[Told]]:
    """All clips, and each family of manipulated ones with all genuine ones."""
    families = sorted({clip.family for clip, _ in told if clip.fake})
    return {ALL: list(told)} | {
        name: [item for item in told if not item[0].fake or item[0].family == name] for name in families
    }


def cell(found: Figure) -> str:
    """An AUC as the table has it; bold where its interval leaves chance out."""
    if found["value"] is None or found["low"] is None:
        return ""
    text = f"{found['value']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
    return f"**{text}**" if found["low"] > 0.5 or found["high"] < 0.5 else text


def table(by_split: dict[str, list[Told]], bootstrap: Bootstrap) -> Iterator[str]:
    """The lines of a Markdown table."""
    names = list(by_split)
    heads = [f"{name}: told of" for name in names] + [f"{name}: AUC" for name in names]
    yield f"| Fact | Against | {' | '.join(heads)} |"
    yield "| --- " * (2 + len(heads)) + "|"
    grouped = {name: groups(told) for name, told in by_split.items()}
    for fact, words in FACTS.items():
        for group in dict.fromkeys(group for found in grouped.values() for group in found):
            parts = [found.get(group, []) for found in grouped.values()]
            shares = [_share(part, fact) if group == ALL else "" for part in parts]
            cells = [cell(auc_over_origins(part, fact, bootstrap)) for part in parts]
            yield f"| {words if group == ALL else '…'} | {group} | {' | '.join(shares + cells)} |"


def _share(told: Sequence[Told], fact: str) -> str:
    return f"{np.mean([not np.isnan(facts[fact]) for _, facts in told]):.0%}".replace("%", " %")


def middles(by_split: dict[str, list[Told]]) -> Iterator[str]:
    """A line for each fact and kind of clip: its median, and how often it is none."""
    for split, told in by_split.items():
        for fact in FACTS:
            for kind, fake in (("genuine", False), ("manipulated", True)):
                values = np.array([facts[fact] for clip, facts in told if clip.fake is fake])
                known = values[~np.isnan(values)]
                if len(known):
                    middle, none = np.median(known), np.mean(known == 0)
                    yield f"{split}, {fact}, {kind}: median {middle:.3f}, zero in {none:.0%} of {len(known)}"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, metavar="CSV", help="as for `evaluate`")
    parser.add_argument("--split", nargs="+", default=["train", "dev"], help="default: %(default)s")
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="for what was read of clips, by their names: a\nrun that was stopped goes on from it",
    )
    parser.add_argument("--processes", type=int, default=1, help="clips at a time; default: %(default)s")
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap; default: %(default)s")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    by_split = {}
    # dlib holds the interpreter's lock, so processes and not threads
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for split in options.split:
            clips = read_table(options.clips, split)
            found = pool.map(partial(told_of, keep=options.keep), clips, chunksize=4)
            by_split[split] = list(zip(clips, found, strict=True))
    print("\n".join([*table(by_split, Bootstrap(options.resamples)), "", *middles(by_split)]))


if __name__ == "__main__":
    main()
