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


def test_a_face_that_fills_the_picture_is_found_once_and_not_by_its_parts() -> None:
    whole = portrait()
    found = []
    for share in (0.5, 0.6, 0.7, 0.8, 0.9):
        inset = round(128 * (1 - share))
        image = np.ascontiguousarray(whole[inset : 256 - inset, inset : 256 - inset])
        image = np.asarray(cv2.resize(image, (480, 480)), dtype=np.uint8)
        parts = [one for side in blazeface.SIDES for one in blazeface.search(image, side)]
        found.append((len(parts), len(finder("blazeface").everywhere(image, 1, 1))))
    assert max(parts for parts, _ in found) >= 3, "it is worth a test"
    assert [faces for _, faces in found] == [1] * 5


@pytest.mark.parametrize(
    ("boxes", "kept"),
    [
        ([(Box(0, 0, 100, 100), 0.6), (Box(40, 10, 90, 60), 0.7)], [0]),  # an eye, clearer than the face
        ([(Box(0, 0, 100, 100), 0.6), (Box(30, 70, 80, 120), 0.3)], [0]),  # mouth and chin
        ([(Box(0, 0, 100, 100), 0.2), (Box(40, 10, 90, 60), 0.7)], [1, 0]),  # a child before a poster
        ([(Box(0, 0, 100, 100), 0.9), (Box(80, 40, 150, 110), 0.5)], [0, 1]),  # cheek to cheek
        ([(Box(0, 0, 100, 100), 0.5), (Box(10, 5, 110, 105), 0.9)], [1]),  # two boxes about one face
    ],
)
def test_each_face_once(boxes: list[tuple[Box, float]], kept: list[int]) -> None:
    located = [Located(box, score) for box, score in boxes]
    assert detect.without_doubles(located) == [located[number] for number in kept]


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
