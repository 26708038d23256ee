"""Prepare faces: from tars of pictures and a table of clips to shards of aligned crops with landmarks.

Resumable: a shard that exists is left alone. Parallel: dlib holds the interpreter's lock, so processes.
"""

from __future__ import annotations

import csv
import multiprocessing
import tarfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from ml_app.detection.crops import Image, landmark_square
from ml_app.training.landmarks import Landmarks, find_face, find_face_in_crop
from ml_app.training.store import Face, cut, has_shard, write_shard

SHARD_FACES = 500
CLIP_FRAMES = 120  # kept of a clip, evenly
MAX_SIDE = 1920  # of a decoded frame, as in serving
SPLITS = ("train", "dev")

Kept = tuple[Image, Landmarks, Face]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture within a tar file: where its bytes lie and what is known of it."""

    tar: Path
    offset: int
    size: int
    face: Face


@dataclass(frozen=True, slots=True)
class Clip:
    """A line of a table of clips."""

    path: Path
    split: str
    face: Face


@dataclass(frozen=True, slots=True)
class Job:
    """One shard to write."""

    folder: Path
    name: str
    pictures: tuple[Picture, ...] = ()
    clip: Clip | None = None


def face_jobs(tar: Path, out: Path) -> list[Job]:
    """Shards for a tar of genuine faces, `<split>/<file>.jpg`, one person each."""
    pictures: dict[str, list[Picture]] = {split: [] for split in SPLITS}
    for split, name, member in _members(tar):
        face = Face(source=f"{split}/{name}", group=name, fake=False, family="real", generator=tar.stem)
        pictures[split].append(Picture(tar, member.offset_data, member.size, face))
    return _shards(pictures, out, tar.stem)


def pair_jobs(tar: Path, out: Path) -> list[Job]:
    """Shards for a tar of pairs, `<split>/<original>/real.jpg` with its `fake-*.jpg`."""
    pictures: dict[str, list[Picture]] = {split: [] for split in SPLITS}
    for split, name, member in _members(tar):
        original, _, file = name.partition("/")
        fake = file.startswith("fake")
        face = Face(
            source=f"{split}/{name}",
            group=original,
            fake=fake,
            family="face swap" if fake else "real",
            generator=tar.stem,
            pair=original,
        )
        pictures[split].append(Picture(tar, member.offset_data, member.size, face))
    for listed in pictures.values():
        listed.sort(key=lambda picture: picture.face.source)
    return _shards(pictures, out, tar.stem)


def read_clips(table: Path) -> list[Clip]:
    """The clips of a table; columns file, split, label and, where known, family, generator_or_corpus, pair.

    Raises:
        ValueError: A column is missing or a label is neither real nor fake; says which line.
    """
    clips = []
    with table.open(newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            missing = {"file", "split", "label"} - row.keys()
            if missing:
                raise ValueError(f"{table}: the column {sorted(missing)[0]!r} is missing")
            if row["label"] not in {"real", "fake"} or row["split"] not in SPLITS:
                raise ValueError(f"{table}, line {line}: label is real or fake, split is train or dev")
            pair = row.get("pair") or ""
            face = Face(
                source=row["file"],
                group=pair or row["file"],
                fake=row["label"] == "fake",
                family=row.get("family") or row["label"],
                generator=row.get("generator_or_corpus") or "",
                pair=pair,
            )
            clips.append(Clip(table.parent / row["file"], row["split"], face))
    return clips


def clip_jobs(table: Path, out: Path) -> list[Job]:
    """One shard for each clip of a table, holding the frames of its main face in order of time."""
    return [
        Job(out / table.stem / clip.split, Path(clip.face.source).stem, clip=clip)
        for clip in read_clips(table)
    ]


def prepare(
    jobs: Sequence[Job], processes: int = 2, on_done: Callable[[int, int, Job, int], None] | None = None
) -> None:
    """Write the shards that do not exist yet.

    Args:
        jobs: From `face_jobs`, `pair_jobs` and `clip_jobs`.
        processes: How many work at the same time.
        on_done: Told of each shard: how many are done, of how many, which one, how many faces it holds.
    """
    todo = [job for job in jobs if not has_shard(job.folder, job.name)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for done, (job, faces) in enumerate(zip(todo, pool.map(run_job, todo), strict=True), start=1):
            if on_done:
                on_done(done, len(todo), job, faces)


def run_job(job: Job) -> int:
    """Write one shard; returns how many faces it holds."""
    cv2.setNumThreads(1)
    kept = list(_faces_of_clip(job.clip) if job.clip else _faces_of_pictures(job.pictures))
    images, landmarks, faces = zip(*kept, strict=True) if kept else ((), (), ())
    write_shard(job.folder, job.name, images, landmarks, faces)
    return len(kept)


def _members(tar: Path) -> Iterable[tuple[str, str, tarfile.TarInfo]]:
    with tarfile.open(tar) as archive:
        for member in archive:
            split, _, name = member.name.removeprefix("./").partition("/")
            if member.isfile() and split in SPLITS and name.lower().endswith((".jpg", ".jpeg", ".png")):
                yield split, name, member


def _shards(pictures: dict[str, list[Picture]], out: Path, stem: str) -> list[Job]:
    return [
        Job(out / stem / split, f"{start // SHARD_FACES:05d}", tuple(listed[start : start + SHARD_FACES]))
        for split, listed in pictures.items()
        for start in range(0, len(listed), SHARD_FACES)
    ]


def _faces_of_pictures(pictures: Iterable[Picture]) -> Iterable[Kept]:
    for picture in pictures:
        with picture.tar.open("rb") as file:
            file.seek(picture.offset)
            data = np.frombuffer(file.read(picture.size), dtype=np.uint8)
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if decoded is None:
            continue
        image = np.ascontiguousarray(decoded[..., ::-1], dtype=np.uint8)
        landmarks = find_face_in_crop(image)
        if landmarks is not None:
            yield (*cut(image, landmarks), picture.face)


def _faces_of_clip(clip: Clip) -> Iterable[Kept]:
    frames = list(_decode(clip.path))
    chosen = np.linspace(0, len(frames) - 1, min(CLIP_FRAMES, len(frames))).round().astype(int)
    near = None
    for index in chosen:
        time_s, image = frames[index]
        landmarks = find_face(image, near)
        if landmarks is None:
            continue
        near = landmark_square(landmarks, 1.0)
        face = Face(
            source=clip.face.source,
            group=clip.face.group,
            fake=clip.face.fake,
            family=clip.face.family,
            generator=clip.face.generator,
            pair=clip.face.pair,
            time_s=time_s,
        )
        yield (*cut(image, landmarks), face)


def _decode(path: Path) -> Iterable[tuple[float, Image]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"
        for number, frame in enumerate(container.decode(stream)):
            scale = min(1.0, MAX_SIDE / max(frame.width, frame.height))
            size = (round(frame.width * scale), round(frame.height * scale))
            image = frame.reformat(*size, format="rgb24").to_ndarray()
            turned = np.rot90(image, k=round(frame.rotation / 90) % 4)
            yield (
                float(frame.time if frame.time is not None else number / 25),
                np.ascontiguousarray(turned),
            )
