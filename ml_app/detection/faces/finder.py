"""Who finds faces: one small interface, and those that are behind it by their names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal, Protocol, get_args

from ml_app.detection.faces import detect
from ml_app.detection.faces.blazeface import BlazeFace
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.detect import Located
from ml_app.detection.findings import Box

FinderName = Literal["blazeface", "hog"]
FINDERS: tuple[FinderName, ...] = get_args(FinderName)
USUAL: FinderName = "blazeface"


class Finder(Protocol):
    """Finds the faces of a frame on copies of it; `level` is how fine a copy is, from 0.

    Boxes are like HOG's, from the brows to the chin, and scores too: 0 is the least that counts as a face.
    """

    def everywhere(self, image: Image, first: int, last: int) -> list[Located]:
        """Search the whole frame at level `first`, and on up to `last` while nobody is found."""

    def near(self, image: Image, expected: Sequence[Located]) -> list[Located] | None:
        """Search a frame whose faces were seen a moment before; None if one that was clear is gone."""

    def needed_level(self, box: Box, longest: int) -> int:
        """The level at which a face of this size is found in a frame whose longer side is `longest`."""

    def warm_up(self) -> None:
        """Load what is needed."""


class Hog:
    """dlib's HOG detector, see `detect`: for faces that look into the camera."""

    def everywhere(self, image: Image, first: int, last: int) -> list[Located]:
        """Search the whole frame."""
        return detect.locate(image, first, last)

    def near(self, image: Image, expected: Sequence[Located]) -> list[Located] | None:
        """Search only about the places of the faces before."""
        return detect.locate_near(image, expected)

    def needed_level(self, box: Box, longest: int) -> int:
        """Of `detect.SIDES`."""
        return detect.needed_level(box, longest)

    def warm_up(self) -> None:
        """Load the detector."""
        detect.face_detector()


@cache
def finder(name: FinderName) -> Finder:
    """The finder of a name.

    Raises:
        ValueError: There is none of this name.
    """
    if name not in FINDERS:
        raise ValueError(f"{name!r} finds no faces: say {' or '.join(FINDERS)}.")
    return Hog() if name == "hog" else BlazeFace()
