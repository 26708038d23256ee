"""Faces of single pictures exactly as serving finds and cuts them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml_app.detection import verdict
from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.errors import DetectionError
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.people import REVISION, find_people
from ml_app.detection.faces.pool.process_pool import FacePool, shared_pool
from ml_app.detection.findings import FaceFrameFinding, Limits, Reason
from ml_app.detection.pipeline import MAX_PICTURE_SIDE
from ml_app.detection.video.decoder.still import Still
from ml_app.detection.video.opening import Frame
from ml_app.training.data.items import Picture

PART = 256  # pictures that are kept together
FORMAT = 1  # of what is kept of them
_AT_ONCE = 2  # more than there are processes, so that none waits for a picture to be read


@dataclass(frozen=True, slots=True)
class ServedPicture:
    """A picture and the network's inputs, uint8 (N, size, size, 3) RGB, of its N faces that can be judged."""

    picture: Picture
    crops: npt.NDArray[np.uint8]


def serve_pictures(
    pictures: Sequence[Picture], preprocessing: Preprocessing, cache: Path, pool: FacePool | None = None
) -> Iterator[ServedPicture]:
    """Find and cut the faces of pictures as serving does; read from the cache where it was done.

    Args:
        pictures: Of a tar or of folders.
        preprocessing: How faces are cut.
        cache: Folder for the results, by the pictures' bytes, the preprocessing, `people.REVISION` and
            `FORMAT`.
        pool: Where faces are looked for.
    """
    for start in range(0, len(pictures), PART):
        part = pictures[start : start + PART]
        contents = [_content(picture) for picture in part]
        crops = _part(contents, preprocessing, cache, pool or shared_pool())
        yield from map(ServedPicture, part, crops)


def _content(picture: Picture) -> bytes:
    with picture.file.open("rb") as file:
        file.seek(picture.offset)
        return file.read(picture.size)


def _part(
    contents: Sequence[bytes], preprocessing: Preprocessing, cache: Path, pool: FacePool
) -> list[npt.NDArray[np.uint8]]:
    hashes = [hashlib.sha256(content).hexdigest() for content in contents]
    key = json.dumps([hashes, asdict(preprocessing), MAX_PICTURE_SIDE, REVISION, FORMAT], sort_keys=True)
    file = cache / f"pictures-{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
    if file.exists():
        with np.load(file) as data:
            return np.split(data["crops"], np.cumsum(data["faces"])[:-1])
    with ThreadPoolExecutor(max(1, _AT_ONCE * pool.processes)) as threads:
        faces = list(threads.map(partial(_faces, preprocessing=preprocessing, pool=pool), contents))
    size = preprocessing.image_size
    crops = np.array([crop for found in faces for crop in found], np.uint8).reshape(-1, size, size, 3)
    cache.mkdir(parents=True, exist_ok=True)
    partial_file = file.with_name(f"{file.stem}.partial.npz")
    np.savez(partial_file, crops=crops, faces=[len(found) for found in faces])
    partial_file.replace(file)
    return np.split(crops, np.cumsum([len(found) for found in faces])[:-1])


def _faces(content: bytes, preprocessing: Preprocessing, pool: FacePool) -> list[Image]:
    """The crops of the faces that can be judged; none where the picture cannot be read."""
    try:
        people = find_people([_frame(content)], preprocessing, pool, count=1)
    except DetectionError:
        return []
    found = [person[0].sighting for person in people.persons]
    judged = [
        verdict.unclear([FaceFrameFinding(0.0, face.box, 0.0, face.sharpness, face.brightness, b"")])
        for face in found
    ]
    return [face.crop for face, reason in zip(found, judged, strict=True) if reason is Reason.NONE]


def _frame(content: bytes) -> Frame:
    still = Still(io.BytesIO(content), Limits().max_pixels)  # trusted, so without a process of its own
    scale = min(1.0, MAX_PICTURE_SIDE / max(still.width, still.height))
    image = still.pixels(max(1, round(still.width * scale)), max(1, round(still.height * scale)))
    return Frame(0, 0.0, image, scale)
