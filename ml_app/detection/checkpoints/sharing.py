"""Which detectors can look at the people of one scan together."""

from __future__ import annotations

from collections.abc import Sequence

from ml_app.detection.checkpoints.metadata import Preprocessing
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
