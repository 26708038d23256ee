"""Faces exactly as serving finds and cuts them: what calibration and published figures are measured on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml_app.detection import verdict
from ml_app.detection.checkpoints.manifest import sha256_of
from ml_app.detection.checkpoints.metadata import Preprocessing, Sampling
from ml_app.detection.errors import DetectionError
from ml_app.detection.faces.people import REVISION, find_people
from ml_app.detection.faces.pool.process_pool import FacePool, shared_pool
from ml_app.detection.faces.track import Seen
from ml_app.detection.findings import FaceFrameFinding, Reason
from ml_app.detection.pipeline import MAX_SIDE
from ml_app.detection.video.opening import open_video

MOST_FRAMES = 100
FORMAT = 2  # of what is kept of a clip


@dataclass(frozen=True, slots=True)
class ServedPerson:
    """One person of a clip, as `pipeline.analyse` hands them to the network.

    `frames`: int (T,), positions in the sample. `times`: float (T,), seconds. `crops`: uint8
    (T, size, size, 3) RGB.
    """

    frames: npt.NDArray[np.int64]
    times: npt.NDArray[np.float64]
    crops: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ServedClip:
    """The people of a clip who can be judged, in a sample of `looked_at` frames; `error` where none can."""

    persons: tuple[ServedPerson, ...]
    looked_at: int
    error: str = ""


def serve_clip(
    path: Path, preprocessing: Preprocessing, cache: Path, pool: FacePool | None = None
) -> ServedClip:
    """Find and cut the people of a clip as serving does at 100 frames; read from the cache where it was done.

    Args:
        path: The clip.
        preprocessing: How faces are cut.
        cache: Folder for the results, by the clip's hash, the preprocessing, `people.REVISION` and `FORMAT`.
        pool: Where faces are looked for.
    """
    key = json.dumps([sha256_of(path), asdict(preprocessing), REVISION, FORMAT], sort_keys=True)
    file = cache / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
    if file.exists():
        return _read(file)
    clip = _find(path, preprocessing, pool)
    cache.mkdir(parents=True, exist_ok=True)
    arrays = {f"frames{i}": person.frames for i, person in enumerate(clip.persons)}
    arrays |= {f"times{i}": person.times for i, person in enumerate(clip.persons)}  # type: ignore[misc]
    arrays |= {f"crops{i}": person.crops for i, person in enumerate(clip.persons)}  # type: ignore[misc]
    partial = file.with_name(f"{file.stem}.partial.npz")
    np.savez(partial, looked_at=clip.looked_at, error=clip.error, **arrays)  # type: ignore[arg-type]
    partial.replace(file)
    return clip


def _read(file: Path) -> ServedClip:
    with np.load(file) as data:
        count = sum(name.startswith("frames") for name in data.files)
        persons = tuple(
            ServedPerson(data[f"frames{i}"], data[f"times{i}"], data[f"crops{i}"]) for i in range(count)
        )
        return ServedClip(persons, int(data["looked_at"]), str(data["error"]))


def _find(path: Path, preprocessing: Preprocessing, pool: FacePool | None) -> ServedClip:
    try:
        with open_video(path) as video:
            frames = video.frames(Sampling("even"), MOST_FRAMES, MAX_SIDE)
            people = find_people(frames, preprocessing, pool or shared_pool(), count=MOST_FRAMES)
    except DetectionError as error:
        return ServedClip((), 0, error.code)
    looked_at = people.frames_looked_at
    reasons = [verdict.obstacle([_finding(seen) for seen in person], looked_at) for person in people.persons]
    persons = tuple(
        ServedPerson(
            np.array([seen.frame for seen in person]),
            np.array([seen.time_s for seen in person]),
            np.stack([seen.sighting.crop for seen in person]),
        )
        for person, reason in zip(people.persons, reasons, strict=True)
        if reason is Reason.NONE
    )
    obstacle = "" if persons else str(reasons[0] if reasons else Reason.NO_FACE)
    return ServedClip(persons, looked_at, obstacle)


def _finding(seen: Seen) -> FaceFrameFinding:
    found = seen.sighting
    return FaceFrameFinding(seen.time_s, found.box, 0.0, found.sharpness, found.brightness, b"")


def sample_of(looked_at: int, count: int) -> list[int]:
    """Which of the frames looked at would be sampled, had `count` been asked for: middles of equal parts."""
    if looked_at <= count:
        return list(range(looked_at))
    return [int((i + 0.5) * looked_at / count) for i in range(count)]


def serve_clips(
    paths: Sequence[Path],
    preprocessing: Preprocessing,
    cache: Path,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> list[ServedClip]:
    """`serve_clip` for many, in their order."""
    clips = []
    for done, path in enumerate(paths, start=1):
        clips.append(serve_clip(path, preprocessing, cache))
        on_done(done, len(paths))
    return clips
