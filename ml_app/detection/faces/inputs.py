"""What of a sighting a detector's network reads: the one place that knows."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.faces.frame_faces import Sighting

Input = npt.NDArray[Any]
"""uint8 (size, size, 3) RGB, a crop; or float32 (68, 2), landmarks in pixels of the full-size frame."""


def input_of(sighting: Sighting, preprocessing: Preprocessing) -> Input:
    """A sighting as the network of this preprocessing takes it."""
    return sighting.landmarks if preprocessing.reads == "landmarks" else sighting.crop
