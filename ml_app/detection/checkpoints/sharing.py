"""Which detectors can look at the people of one scan together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import Part, Preprocessing
from ml_app.detection.errors import CheckpointError


def can_share(cuts: Sequence[Preprocessing]) -> bool:
    """Whether detectors can look at the same people: all follow them, and those that read crops cut alike."""
    if len(cuts) < 2:
        return True
    read = {
        (cut.image_size, cut.margin, cut.crop, cut.colour_order, cut.resize)
        for cut in cuts
        if cut.reads == "crops"
    }
    drawn = {cut.crop for cut in cuts}  # landmarks are drawn into squares around landmarks
    return all(cut.faces == "followed" for cut in cuts) and len(read) < 2 and len(drawn) == 1


def shared_cut(cuts: Sequence[Preprocessing]) -> Preprocessing:
    """How faces are cut for all of these.

    Raises:
        CheckpointError: They cannot share.
    """
    if not can_share(cuts):
        raise CheckpointError(
            "cut_differently",
            "These detectors cut faces out differently, so they cannot look at one scan's together. Scan "
            "with each by itself.",
        )
    return next((cut for cut in cuts if cut.reads == "crops"), cuts[0])


def check_part(models_dir: Path, part: Part) -> None:
    """See that a part is installed, and is the very one.

    Raises:
        CheckpointError: It is not.
    """
    heads = open_folder(models_dir, part.name).heads
    pinned = heads.get(part.frame_count)
    if pinned is None or pinned.sha256 != part.head_sha256:
        raise CheckpointError(
            "wrong_part",
            f"The detector {part.name!r} is not the one that this ensemble was fitted with. Fit it again with"
            " `manage.py calibrate`.",
            f"head {part.frame_count}: wanted {part.head_sha256}, there is {pinned and pinned.sha256}",
        )
