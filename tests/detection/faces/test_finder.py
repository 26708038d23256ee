"""Who finds faces: the interface, and BlazeFace behind it."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
import skimage.data

from ml_app.detection.faces import blazeface, detect
from ml_app.detection.faces.crops import Image, halved
from ml_app.detection.faces.detect import Located, overlap
from ml_app.detection.faces.finder import FINDERS, FinderName, finder
from ml_app.detection.findings import Box
from ml_app.detection.networks.blazeface_onnx import blazeface_graph
from tests.media import picture, portrait

ABOUT = Box(117, 80, 199, 162)  # the face of picture(0), see test_people


@pytest.mark.parametrize("name", FINDERS)
def test_all_find_the_same_face_in_the_same_box(name: FinderName) -> None:
    (found,) = finder(name).everywhere(picture(0), 0, 1)
    assert overlap(found.box, ABOUT) > 0.6
    assert 0.6 < found.score < 3


def test_an_unknown_finder_is_refused() -> None:
    with pytest.raises(ValueError, match="say blazeface or hog"):
        finder("haar")  # type: ignore[arg-type]


def test_hog_is_the_very_one_that_dlib_carries(tmp_path: Path) -> None:
    """Else published checkpoints would not see what they were made for. If dlib's is new, write ours anew."""
    dlib.get_frontal_face_detector().save(str(tmp_path / "hog.dlib"))
    assert (tmp_path / "hog.dlib").read_bytes() == Path(detect.__file__).with_name("hog.dlib").read_bytes()


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_face_that_lies_on_its_side_is_found(turn: int) -> None:
    image = np.ascontiguousarray(np.rot90(picture(0, (640, 480)), k=-turn // 90))
    assert len(finder("blazeface").everywhere(image, 0, 1)) == 1


def test_a_face_of_a_thirtieth_of_the_picture_is_found() -> None:
    image = np.full((720, 1280, 3), 90, dtype=np.uint8)
    image[300:428, 500:628] = cv2.resize(portrait(), (128, 128), interpolation=cv2.INTER_AREA)
    (found,) = finder("blazeface").everywhere(image, 1, 1)
    assert overlap(found.box, Box(542, 335, 586, 379)) > 0.5


@pytest.mark.parametrize("name", ["brick", "coffee", "chelsea", "coins", "page", "text", "rocket", "moon"])
def test_no_face_is_seen_clearly_where_there_is_none(name: str) -> None:
    image = getattr(skimage.data, name)()
    image = np.ascontiguousarray(np.stack([image] * 3, axis=-1) if image.ndim == 2 else image)
    assert all(found.score < 0.3 for found in finder("blazeface").everywhere(image, 1, 1))


def test_many_faces_are_one_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a crowd costs to find is what one person costs, at the same size."""
    sides: list[int] = []
    original = blazeface.search

    def counted(image: Image, side: int) -> list[Located]:
        sides.append(side)
        return original(image, side)

    monkeypatch.setattr(blazeface, "search", counted)
    image = np.vstack([picture(0, (840, 240), 3)] * 4)
    crowd = finder("blazeface").everywhere(image, 1, 1)
    assert len(crowd) == 12
    assert sides == [256, 512]
    assert len(finder("blazeface").near(image, crowd) or ()) == 12
    assert len(sides) == 3


def test_a_face_that_is_gone_is_missed() -> None:
    before = finder("blazeface").everywhere(picture(0), 0, 0)
    assert finder("blazeface").near(picture(0.1), before)
    assert finder("blazeface").near(picture(0, people=0), before) is None


def test_a_smaller_copy_is_made_of_whole_halves() -> None:
    image = picture(0, (1280, 720))
    assert halved(image, 256).shape == (180, 320, 3)
    assert halved(image, 641) is image
    assert halved(np.zeros((1, 4000, 3), np.uint8), 256).shape == (1, 4000, 3)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match=r"stem.weight is missing"):
        blazeface_graph({})
    with pytest.raises(ValueError, match="stem has the shape"):
        blazeface_graph({"stem.weight": np.zeros((8, 3, 5, 5)), "stem.bias": np.zeros(8)})
