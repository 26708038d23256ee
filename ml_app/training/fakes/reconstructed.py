"""The set of reconstructed faces: genuine prepared faces beside what a network made of them, in shards."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ml_app.training.data.shards import Face, Shard, has_shard, read_shard, write_shard
from ml_app.training.fakes.reconstruction import Decoders, reconstruct

RECONSTRUCTED = "reconstructed"  # name of the set, and family of its faces
IN_SHARD = 100  # pairs
KINDS = ("pictures", "paired pictures", "clips")  # of genuine faces; each gives as many as it can

Place = tuple[str, str, int]  # folder and name of a shard, number of a face


@dataclass(frozen=True, slots=True)
class Job:
    """One shard to write."""

    folder: Path
    name: str
    places: tuple[Place, ...]
    decoders: Path
    seed: int


def jobs_of(data: Path, split: str, count: int, decoders: Path, seed: int) -> list[Job]:
    """The shards that are still missing, of `count` genuine faces of all prepared sets.

    A third each comes from single pictures, from the originals of picture pairs and from frames of clips,
    every clip equally often, as far as there are enough.

    Args:
        data: Prepared sets, `<set>/<split>/`.
        split: "train" or "dev".
        count: Pairs to make.
        decoders: Folder of the networks.
        seed: Decides which faces are taken and what becomes of them.

    Raises:
        ValueError: There are no genuine faces.
    """
    rng = np.random.default_rng([seed, 0])
    found: dict[str, list[Place]] = {kind: [] for kind in KINDS}
    for folder in sorted(data.glob(f"*/{split}")):
        if folder.parent.name == RECONSTRUCTED:
            continue
        for name in sorted(index.stem for index in folder.glob("*.json")):
            _add_places(found, read_shard(folder, name), str(folder), name, rng)
    kinds = [places for places in found.values() if places]
    if not kinds:
        raise ValueError(f"{data} holds no genuine {split} faces; run `prepare` first")
    chosen: list[Place] = []
    for number, places in enumerate(sorted(kinds, key=len)):
        wanted = (count - len(chosen)) // (len(kinds) - number)
        picked = rng.permutation(len(places))[:wanted]
        chosen += [places[int(i)] for i in picked]
    order = rng.permutation(len(chosen))
    out = data / RECONSTRUCTED / split
    jobs = []
    for start in range(0, len(chosen), IN_SHARD):
        name = f"{start // IN_SHARD:04d}"
        if not has_shard(out, name):
            some = tuple(chosen[int(i)] for i in order[start : start + IN_SHARD])
            jobs.append(Job(out, name, some, decoders, seed))
    return jobs


def _add_places(
    found: dict[str, list[Place]], shard: Shard, folder: str, name: str, rng: np.random.Generator
) -> None:
    if shard.is_clip:
        if not shard.faces[0].fake:
            numbers = rng.permutation(len(shard.faces))[:24]  # a clip's frames are all alike
            found["clips"] += [(folder, name, int(number)) for number in numbers]
        return
    for number, face in enumerate(shard.faces):
        if not face.fake:
            found["paired pictures" if face.pair else "pictures"].append((folder, name, number))


def make(jobs: list[Job], processes: int) -> Iterator[int]:
    """Write the shards in several processes; yields how many pairs each got."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for future in as_completed([pool.submit(run_job, job) for job in jobs]):
            yield future.result()


def run_job(job: Job) -> int:
    """Write one shard: each genuine face, then what a network made of it."""
    cv2.setNumThreads(1)
    decoders = Decoders(job.decoders)
    rng = np.random.default_rng([job.seed, 1, int(job.name)])
    images, landmarks, faces = [], [], []
    shards: dict[tuple[str, str], Shard] = {}
    for folder, name, number in job.places:
        shard = shards.setdefault((folder, name), read_shard(Path(folder), name))
        image, points = np.array(shard.images[number]), np.array(shard.landmarks[number])
        fake, decoder = reconstruct(image, points, decoders, rng)
        genuine = _renamed(shard.faces[number], f"{folder}/{name}/{number}")
        images += [image, fake]
        landmarks += [points, points]
        faces += [genuine, replace(genuine, fake=True, generator=decoder, sha256="")]
    write_shard(job.folder, job.name, images, landmarks, faces)
    return len(job.places)


def _renamed(face: Face, place: str) -> Face:
    """A face of this set: its pair is itself and its reconstruction."""
    return replace(face, family=RECONSTRUCTED, pair=place, source=place)
