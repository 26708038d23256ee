"""Faces exactly as serving shows them to a network: what calibration and published figures measure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_app.detection import verdict
from ml_app.detection.checkpoints.manifest import sha256_of
from ml_app.detection.checkpoints.metadata import Preprocessing, Sampling
from ml_app.detection.errors import DetectionError
from ml_app.detection.faces.inputs import input_of
from ml_app.detection.faces.people import REVISION
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.faces.track import Seen
from ml_app.detection.findings import FaceFrameFinding, Reason
from ml_app.detection.pipeline import people_of
from ml_app.detection.runtime.detector import Detector

FORMAT = 3  # of what is kept of a clip


@dataclass(frozen=True, slots=True)
class ServedPerson:
    """One person of a clip, as `pipeline.analyse` hands them to the network.

    `times`: float (T,), seconds. `inputs`: T times what the network reads, see `faces.inputs`.
    """

    times: npt.NDArray[np.float64]
    inputs: npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ServedClip:
    """The people of a clip who can be judged; `error`, a code, where none can."""

    persons: tuple[ServedPerson, ...]
    error: str = ""


def serve_clip(path: Path, detector: Detector, cache: Path, pool: FacePool | None = None) -> ServedClip:
    """Find and cut the people of a clip as serving does; read from the cache where it was done.

    Args:
        path: The clip.
        detector: Whose sampling and preprocessing, at the frame count that it was loaded for.
        cache: Folder for the results, by the clip's hash, all of that, `people.REVISION` and `FORMAT`.
            Failures are not kept: the next run tries again.
        pool: Where faces are looked for; by default that of this process.
    """
    decisive = [_told(detector.preprocessing), _told(detector.sampling), detector.frames]
    key = json.dumps([sha256_of(path), *decisive, REVISION, FORMAT], sort_keys=True)
    file = cache / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
    if file.exists():
        return _read(file)
    try:
        clip = _find(path, detector, pool)
    except DetectionError as error:
        return ServedClip((), error.code)
    cache.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, npt.NDArray[Any]] = {f"times{i}": person.times for i, person in enumerate(clip.persons)}
    arrays |= {f"crops{i}": person.inputs for i, person in enumerate(clip.persons)}
    partial = file.with_name(f"{file.stem}.partial.npz")
    np.savez(partial, error=clip.error, **arrays)  # type: ignore[arg-type]
    partial.replace(file)
    return clip


def _told(record: Preprocessing | Sampling) -> dict[str, Any]:
    """Its fields, but for later ones that have their defaults: what was kept before them is still good."""
    told = asdict(record)
    for name, default in (("reads", "crops"), ("burst_step_s", 0.0)):
        if told.get(name) == default:
            del told[name]
    return told


def _read(file: Path) -> ServedClip:
    with np.load(file) as data:
        count = sum(name.startswith("times") for name in data.files)
        persons = tuple(ServedPerson(data[f"times{i}"], data[f"crops{i}"]) for i in range(count))
        return ServedClip(persons, str(data["error"]))


def _find(path: Path, detector: Detector, pool: FacePool | None) -> ServedClip:
    people = people_of(path, detector, frames=detector.frames, pool=pool)
    reasons = [_obstacle(person, detector, people.frames_looked_at) for person in people.persons]
    persons = tuple(
        ServedPerson(
            np.array([seen.time_s for seen in person]),
            np.stack([input_of(seen.sighting, detector.preprocessing) for seen in person]),
        )
        for person, reason in zip(people.persons, reasons, strict=True)
        if reason is Reason.NONE
    )
    obstacle = "" if persons else str(reasons[0] if reasons else Reason.NO_FACE)
    return ServedClip(persons, obstacle)


def _obstacle(person: Sequence[Seen], detector: Detector, looked_at: int) -> Reason:
    if detector.preprocessing.faces == "first_found":  # published files judge whatever they are given
        return Reason.NONE
    return verdict.obstacle([_finding(seen) for seen in person], looked_at)


def _finding(seen: Seen) -> FaceFrameFinding:
    found = seen.sighting
    return FaceFrameFinding(seen.time_s, found.box, 0.0, found.sharpness, found.brightness, b"")
