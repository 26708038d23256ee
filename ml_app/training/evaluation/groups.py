"""False alarms by gender and origin, on genuine pictures whose file names tell both (UTKFace)."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ml_app.detection.checkpoints.manifest import sha256_of
from ml_app.detection.ensemble import Ensemble
from ml_app.detection.faces import frame_faces
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.pool.process_pool import FacePool, shared_pool
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.verdict import calibrated
from ml_app.training.evaluation.cache import Cache
from ml_app.training.evaluation.reliability import wilson_share

GENDERS = ("male", "female")
ORIGINS = ("White", "Black", "Asian", "Indian", "other")
BORDER = 0.3  # of the longer side, added all round: HOG finds no face that fills the picture
AT_ONCE = 100  # pictures, from one record of the cache to the next


@dataclass(frozen=True, slots=True)
class Portrait:
    """A genuine picture of one person; `probability` None where no face was found."""

    gender: str
    origin: str
    probability: float | None


def group_of(name: str) -> tuple[str, str]:
    """Gender and origin of `age_gender_origin_date.jpg`; empty where the name does not tell both."""
    parts = Path(name).name.split("_")
    try:
        return GENDERS[int(parts[1])], ORIGINS[int(parts[2])]
    except (IndexError, ValueError):
        return "", ""


def of_portraits(detector: Detector | Ensemble) -> Detector:
    """The detector, if it can be asked about single pictures.

    Raises:
        ValueError: It cannot: it looks at no pixels, or asks one that does not.
    """
    if isinstance(detector, Ensemble) or detector.preprocessing.reads != "crops":
        raise ValueError(
            f"{detector.info.name!r} judges no single pictures, so false alarms by group cannot be measured: "
            "leave out --faces."
        )
    return detector


def judge_portraits(
    tar: Path,
    detector: Detector,
    cache: Cache,
    *,
    split: str = "dev",
    pool: FacePool | None = None,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> list[Portrait]:
    """Score every picture of a split as a video of one frame, its face found and cut as in serving.

    Args:
        tar: `<split>/<age>_<gender>_<origin>_<date>.jpg`.
        detector: Whose scores.
        cache: What was scored before is read from it.
        split: Which folder of the tar.
        pool: Where faces are looked for.
        on_done: Told how many are done, of how many.

    Raises:
        ValueError: The tar cannot be read or holds no such pictures.
    """
    sha256 = sha256_of(tar)
    try:
        with tarfile.open(tar, "r:") as archive:
            members = [member for member in archive if _is_portrait(member, split)]
    except tarfile.TarError as error:
        raise ValueError(f"{tar} is not an uncompressed tar file: {error}.") from error
    if not members:
        raise ValueError(f"{tar} holds no pictures named {split}/<age>_<gender>_<origin>_<date>.jpg.")
    portraits: list[Portrait] = []
    for start in range(0, len(members), AT_ONCE):
        some = members[start : start + AT_ONCE]

        def score(some: Sequence[tarfile.TarInfo] = some) -> list[float | None]:
            return _score(list(_pictures(tar, some)), detector, pool or shared_pool())

        probabilities = cache.kept(score, sha256, split, str(start))
        portraits += [
            Portrait(*group_of(member.name), p) for member, p in zip(some, probabilities, strict=True)
        ]
        on_done(len(portraits), len(members))
    return portraits


def _is_portrait(member: tarfile.TarInfo, split: str) -> bool:
    folder, _, name = member.name.removeprefix("./").partition("/")
    return member.isfile() and folder == split and all(group_of(name))


def _pictures(tar: Path, members: Sequence[tarfile.TarInfo]) -> Iterator[Image | None]:
    with tar.open("rb") as file:
        for member in members:
            file.seek(member.offset_data)
            data = np.frombuffer(file.read(member.size), dtype=np.uint8)
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
            yield None if picture is None else np.ascontiguousarray(picture[..., ::-1], dtype=np.uint8)


def _score(pictures: Sequence[Image | None], detector: Detector, pool: FacePool) -> list[float | None]:
    shown = detector.preprocessing
    futures = [
        None if picture is None else pool.submit(frame_faces.find_faces, _bordered(picture), 1.0, shown)
        for picture in pictures
    ]
    found = [None if future is None else future.result().sightings for future in futures]
    crops = [sightings[0].crop for sightings in found if sightings]
    if not crops:
        return [None] * len(pictures)
    second = detector.look_again([[crop] for crop in crops])
    scores = iter(detector.score_embeddings(list(detector.embed(crops)[:, None]), second=second))
    return [
        calibrated(next(scores).person, detector.calibration) if sightings else None for sightings in found
    ]


def _bordered(picture: Image) -> Image:
    border = round(max(picture.shape[:2]) * BORDER)
    wide = cv2.copyMakeBorder(picture, border, border, border, border, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(wide, dtype=np.uint8)


def false_positive_rates(portraits: Sequence[Portrait], threshold: float) -> dict[str, Any]:
    """The share of genuine pictures at or above the threshold: overall, by gender, by origin, by both.

    Intervals are Wilson's: the bootstrap of a share of 0 would claim to be certain.
    """

    def rate(chosen: Sequence[Portrait]) -> dict[str, Any]:
        scores = np.array([p.probability for p in chosen if p.probability is not None])
        middle = {"median": round(float(np.median(scores)), 4)} if len(scores) else {}
        return wilson_share(scores >= threshold) | middle

    return {
        "overall": rate(portraits),
        "gender": {name: rate([p for p in portraits if p.gender == name]) for name in GENDERS},
        "origin": {name: rate([p for p in portraits if p.origin == name]) for name in ORIGINS},
        "gender_and_origin": {
            f"{gender}, {origin}": rate([p for p in portraits if (p.gender, p.origin) == (gender, origin)])
            for gender in GENDERS
            for origin in ORIGINS
        },
        "without_face": sum(p.probability is None for p in portraits),
    }
