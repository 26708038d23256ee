"""DeepFakeDetection (Google and Jigsaw, 2019), in the folders of FaceForensics++.

    original_sequences/actors/<c0|c23|c40>/videos/01__talking_against_wall.mp4
    manipulated_sequences/DeepFakeDetection/<…>/videos/01_02__talking_against_wall__ABCDEFGH.mp4

There is no official split: actors are dealt out, and fakes of two actors of different splits are left out.
"""

from __future__ import annotations

from pathlib import Path

from ml_app.training.data.items import Clip, Listing, ReaderError, flat, videos_in
from ml_app.training.data.shards import Face
from ml_app.training.readers.splits import common_split, split_of


def read(root: Path, compression: str = "c23") -> Listing:
    """The clips of one compression.

    Raises:
        ReaderError: There is nothing of that compression.
    """
    genuine = videos_in(root / f"original_sequences/actors/{compression}/videos")
    fakes = videos_in(root / f"manipulated_sequences/DeepFakeDetection/{compression}/videos")
    if not genuine and not fakes:
        raise ReaderError(
            f"{root} holds no original_sequences/actors/{compression}/videos and no "
            f"manipulated_sequences/DeepFakeDetection/{compression}/videos; choose another --compression?"
        )
    clips, apart = [], 0
    for path in genuine + fakes:
        actors, _, rest = path.stem.partition("__")
        target, _, source = actors.partition("_")
        split = common_split(split_of(f"actor {actor}") for actor in (target, source) if actor)
        if split is None:
            apart += 1
            continue
        scene = rest.rpartition("__")[0] if source else rest
        face = Face(
            source=path.relative_to(root).as_posix(),
            group=f"actor {target}",
            fake=bool(source),
            family="face swap" if source else "real",
            generator="DeepFakeDetection" if source else "actors",
            pair=f"{target}__{scene}",
        )
        clips.append(Clip(path, split, face, flat(path.relative_to(root))))
    notes = (f"{apart} fakes join actors of two splits and were left out",) if apart else ()
    return Listing(f"{root.name}-dfd", tuple(clips), notes=notes)
