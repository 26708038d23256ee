"""Prepared faces in one small file, so that a training can move to a machine with a GPU."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.training.data.shards import Face, Shard, has_shard, read_faces, read_shard, write_shard

SAMPLE = 300  # faces whose size as JPEG tells how many fit
HEADROOM = 0.93  # of the limit, for what the sample does not tell
SMALLER = 0.9  # of the share of faces, when the file came out too large all the same
RECORD = 600  # bytes of a face's record, landmarks and tar headers


@dataclass(frozen=True, slots=True)
class Form:
    """How faces are packed."""

    side: int = 0  # of the crops, pixels; 0 keeps theirs
    quality: int = 92  # of the JPEGs, 1 to 100


@dataclass(frozen=True, slots=True)
class Packed:
    """What `pack` wrote."""

    faces: int
    of: int
    size: int  # bytes


def pack(data: Path, file: Path, limit: int, form: Form | None = None) -> Packed:
    """Write prepared sets into a tar of JPEGs that is no larger than a limit.

    If not all faces fit, every clip keeps as large a share of its frames, evenly, and every set of pictures
    as large a share of its people and pairs; those that are kept are kept whole.

    Args:
        data: Prepared sets, `<set>/<split>/`.
        file: Where to write.
        limit: Bytes.
        form: Size and quality of the packed crops; their own size unless told otherwise.

    Raises:
        ValueError: There is nothing to pack, or the limit is too small for it.
    """
    form = form or Form()
    places = [
        (index.parent, index.stem) for index in sorted(data.glob("*/*/*.json")) if index.stat().st_size > 2
    ]
    total = sum(len(read_faces(*place)) for place in places)
    if not total:
        raise ValueError(f"{data} holds no prepared faces; run `prepare` first")
    share = min(1.0, HEADROOM * limit / (total * (_mean_size(places, total, form) + RECORD)))
    while share * total >= 1:
        kept = _write(data, places, file, share, form)
        if file.stat().st_size <= limit:
            return Packed(kept, total, file.stat().st_size)
        share *= SMALLER
    raise ValueError(f"not even a few of the {total} faces fit into {limit} bytes; raise the limit")


def unpack(file: Path, data: Path) -> int:
    """Write the shards of a packed file; those that are there are left alone. Returns how many were written.

    Raises:
        ValueError: The file was not written by `pack`.
    """
    written = 0
    try:
        with tarfile.open(file) as archive:
            for name, members in _shards(archive):
                folder = data / Path(name).parent
                if not has_shard(folder, Path(name).name):
                    _unpack(archive, members, folder, Path(name).name)
                    written += 1
    except (tarfile.TarError, KeyError, IndexError, TypeError, json.JSONDecodeError, cv2.error) as error:
        raise ValueError(f"{file} is no packed set of faces ({type(error).__name__})") from error
    return written


def chosen(shard: Shard, share: float) -> list[int]:
    """Which faces of a shard are kept: frames evenly, pictures by whole pairs and people."""
    if shard.is_clip:
        count = max(1, round(share * len(shard.faces)))
        return sorted({int(i) for i in np.linspace(0, len(shard.faces) - 1, count).round()})
    groups = dict.fromkeys(face.pair or face.group or face.source for face in shard.faces)
    count = round(share * len(groups))
    names = list(groups)
    kept = {names[int(i)] for i in np.linspace(0, len(names) - 1, count).round()} if count else set()
    return [i for i, face in enumerate(shard.faces) if (face.pair or face.group or face.source) in kept]


def _encoded(image: npt.NDArray[np.uint8], form: Form) -> bytes:
    side = form.side
    if side and side != image.shape[0]:
        mode = cv2.INTER_AREA if side < image.shape[0] else cv2.INTER_CUBIC
        image = np.asarray(cv2.resize(image, (side, side), interpolation=mode), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, form.quality])[1])


def _mean_size(places: list[tuple[Path, str]], total: int, form: Form) -> float:
    sizes = []
    for place in places:
        shard = read_shard(*place)
        count = max(1, round(SAMPLE * len(shard.faces) / total))
        for number in np.linspace(0, len(shard.faces) - 1, count).round():
            sizes.append((len(_encoded(np.array(shard.images[int(number)]), form)), len(shard.faces)))
    values, weights = zip(*sizes, strict=True)
    return float(np.average(values, weights=weights))


def _write(data: Path, places: list[tuple[Path, str]], file: Path, share: float, form: Form) -> int:
    kept = 0
    partial = file.with_name(file.name + ".partial")
    with tarfile.open(partial, "w") as archive:
        for folder, name in places:
            shard = read_shard(folder, name)
            numbers = chosen(shard, share)
            if not numbers:
                continue
            factor = form.side / shard.images.shape[1] if form.side else 1.0
            path = (folder / name).relative_to(data).as_posix()
            records = [asdict(shard.faces[i]) for i in numbers]
            _add(archive, f"{path}/faces.json", json.dumps(records).encode())
            memory = io.BytesIO()
            np.save(memory, (shard.landmarks[numbers] * factor).astype(np.float16))
            _add(archive, f"{path}/landmarks.npy", memory.getvalue())
            for place, number in enumerate(numbers):
                _add(
                    archive,
                    f"{path}/{place:05d}.jpg",
                    _encoded(np.array(shard.images[number]), form),
                )
            kept += len(numbers)
    partial.replace(file)
    return kept


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _shards(archive: tarfile.TarFile) -> Iterator[tuple[str, list[tarfile.TarInfo]]]:
    found: dict[str, list[tarfile.TarInfo]] = {}
    for member in archive:
        path = Path(member.name)
        if path.is_absolute() or ".." in path.parts or len(path.parts) != 4:  # set, split, shard, file
            raise KeyError(member.name)
        found.setdefault(path.parent.as_posix(), []).append(member)
    if not found:
        raise KeyError(archive.name)
    yield from found.items()


def _unpack(archive: tarfile.TarFile, members: list[tarfile.TarInfo], folder: Path, name: str) -> None:
    content = {Path(m.name).name: archive.extractfile(m).read() for m in members}  # type: ignore[union-attr]
    faces = [Face(**record) for record in json.loads(content["faces.json"])]
    landmarks = np.load(io.BytesIO(content["landmarks.npy"])).astype(np.float32)
    images = []
    for place in range(len(faces)):
        pixels = np.frombuffer(content[f"{place:05d}.jpg"], dtype=np.uint8)
        decoded = cv2.imdecode(pixels, cv2.IMREAD_COLOR)
        if decoded is None:
            raise KeyError(f"{place:05d}.jpg")
        images.append(np.ascontiguousarray(decoded[..., ::-1], dtype=np.uint8))
    write_shard(folder, name, images, list(landmarks), faces)
