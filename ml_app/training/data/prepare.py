"""Prepare faces: from the listing of a set to shards of aligned crops with landmarks.

Resumable: a shard that exists is left alone. Parallel: dlib holds the interpreter's lock, so processes. What
cannot be used is reported and passed over, also where it takes its process down with it.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import cv2

from ml_app.training.data.cropping import NoFace, Unreadable, faces_of_clip, faces_of_picture
from ml_app.training.data.items import Clip, Listing, Picture
from ml_app.training.data.shards import USUAL, CropFormat, has_shard, stored_format, write_shard

SHARD_FACES = 500
PREPARED = ("train", "dev")  # test clips are only listed: nothing is learned or chosen by them
MIN_SIDE = 32
MAX_MARGIN = 3.0


@dataclass(frozen=True, slots=True)
class Job:
    """One shard to write."""

    folder: Path
    name: str
    pictures: tuple[Picture, ...] = ()
    clip: Clip | None = None
    form: CropFormat = USUAL


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a job: how many faces its shard holds, and the files that were passed over, with why."""

    job: Job
    faces: int
    skipped: tuple[tuple[str, str], ...] = ()


def jobs_of(listing: Listing, out: Path, form: CropFormat = USUAL) -> list[Job]:
    """The shards of a set: one for each clip, one for every 500 pictures.

    Args:
        listing: From a reader.
        out: Where sets are kept.
        form: Of the stored crops.

    Raises:
        ValueError: The set is there with crops of another side or margin, or the form makes no sense.
    """
    jobs = []
    if form.side < MIN_SIDE:
        raise ValueError(f"crops of {form.side} pixels are too small; {MIN_SIDE} at least")
    if not 1.0 <= form.margin <= MAX_MARGIN:
        raise ValueError(f"a margin is between 1 and {MAX_MARGIN}, not {form.margin}")
    if form.clip_frames < 1:
        raise ValueError(f"{form.clip_frames} frames cannot be kept of a clip; 1 at least")
    for split in PREPARED:
        folder = out / listing.name / split
        stored = stored_format(folder)
        if stored is not None and stored != (form.side, form.margin):
            raise ValueError(
                f"{folder} holds crops of {stored[0]} pixels at margin {stored[1]}; give another --out for "
                f"{form.side} pixels at {form.margin}"
            )
        pictures = [picture for picture in listing.pictures if picture.split == split]
        for start in range(0, len(pictures), SHARD_FACES):
            some = tuple(pictures[start : start + SHARD_FACES])
            jobs.append(Job(folder, f"{start // SHARD_FACES:05d}", some, form=form))
        jobs += [
            Job(folder, clip.name or clip.path.stem, clip=clip, form=form)
            for clip in listing.clips
            if clip.split == split
        ]
    return jobs


def prepare(
    jobs: Sequence[Job],
    processes: int = 2,
    on_done: Callable[[int, int, Done], None] = lambda done, total, outcome: None,
) -> list[Done]:
    """Write the shards that do not exist yet.

    Args:
        jobs: From `jobs_of`.
        processes: How many work at the same time.
        on_done: Told of each shard: how many are done, of how many, and what became of it.

    Returns:
        What became of each, in the order in which they were done.
    """
    todo = [job for job in jobs if not has_shard(job.folder, job.name)]
    found = []
    for outcome in _outcomes(todo, processes):
        found.append(outcome)
        on_done(len(found), len(todo), outcome)
    return found


def _outcomes(jobs: Sequence[Job], processes: int) -> Iterator[Done]:
    waiting, suspects = deque(jobs), deque[Job]()
    while waiting or suspects:
        if suspects:
            # A process that died may have worked on any of those in flight; each of them is tried alone.
            for outcome in _round(suspects, 1):
                yield (
                    Done(outcome, 0, ((_name(outcome), "its process died; a damaged file?"),))
                    if isinstance(outcome, Job)
                    else outcome
                )
        else:
            for outcome in _round(waiting, processes):
                if isinstance(outcome, Job):
                    suspects.append(outcome)
                else:
                    yield outcome


def _round(queue: deque[Job], width: int) -> Iterator[Done | Job]:
    """Work through a queue until it is empty or a process dies; then give back what was in flight."""
    with ProcessPoolExecutor(width, mp_context=multiprocessing.get_context("spawn")) as pool:
        running: dict[Future[Done], Job] = {}
        broken = False
        while running or (queue and not broken):
            try:
                while queue and len(running) < width and not broken:
                    running[pool.submit(run_job, queue[0])] = queue[0]
                    queue.popleft()
            except BrokenProcessPool:
                broken = True
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    broken = True
                    yield job


def run_job(job: Job) -> Done:
    """Write one shard. A clip that cannot be read gets none, so that it is tried again another time."""
    cv2.setNumThreads(1)
    kept, skipped, final = [], [], not job.clip
    for item in [job.clip] if job.clip else job.pictures:
        try:
            if isinstance(item, Clip):
                kept += faces_of_clip(item, job.form)
            else:
                kept += faces_of_picture(item, job.form)
        except Exception as error:
            reason = str(error) if isinstance(error, Unreadable) else f"{type(error).__name__}: {error}"
            skipped.append((item.face.source, reason))
            final = final or isinstance(error, NoFace)
    if kept or final:
        images, landmarks, faces = zip(*kept, strict=True) if kept else ((), (), ())
        write_shard(job.folder, job.name, images, landmarks, faces)
    return Done(job, len(kept), tuple(skipped))


def _name(job: Job) -> str:
    return job.clip.face.source if job.clip else job.name
