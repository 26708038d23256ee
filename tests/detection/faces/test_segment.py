"""Looking near where faces were: as good as looking everywhere, and never blind to who comes or goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest

from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.faces import detect
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.detect import Located, locate, locate_near, overlap
from ml_app.detection.faces.frame_faces import PreviousFrame, alike, find_faces
from ml_app.detection.faces.people import People, find_people
from ml_app.detection.faces.pool.process_pool import FacePool
from ml_app.detection.faces.segment import WHOLE_EVERY
from tests.detection.conftest import Frame
from tests.media import picture

PREPROCESSING = Preprocessing(64, 1.2)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pixels of each copy that the detector was run on in this process."""
    pixels: list[int] = []
    original = detect.detect

    def counted(image: Image, upsample: int = 0) -> list[Located]:
        pixels.append(image.shape[0] * image.shape[1])
        return original(image, upsample)

    monkeypatch.setattr(detect, "detect", counted)
    return pixels


def clear(located: Sequence[Located]) -> list[Located]:
    return [face for face in located if face.score > 0.5]


@pytest.mark.parametrize("size", [(320, 240), (640, 480), (1280, 720)])
def test_a_near_look_finds_the_same_face_at_less_cost(size: tuple[int, int], searched: list[int]) -> None:
    here = clear(locate(picture(0.0, size), 0, 0))
    there = locate(picture(0.2, size), 0, 0)
    whole = searched[-1]
    near = locate_near(picture(0.2, size), here)
    assert near is not None
    # The detector's boxes come in steps of a fifth; the landmarks in them settle where a face is cut out.
    assert overlap(clear(near)[0].box, clear(there)[0].box) > 0.65
    assert searched[-1] < whole / 3


def test_two_near_faces_are_two() -> None:
    image = picture(0.2, (640, 240), people=2)
    before = clear(locate(picture(0.0, (640, 240), people=2), 0, 0))
    near = clear(locate_near(image, before) or [])
    assert len(before) == len(near) == 2
    assert overlap(near[0].box, near[1].box) == 0


def test_faces_that_overlap_in_the_search_are_found_once() -> None:
    face = clear(locate(picture(0.0), 0, 0))[0]
    assert len(clear(locate_near(picture(0.0), [face, face]) or [])) == 1


def test_who_is_gone_is_told() -> None:
    faces = clear(locate(picture(0.0), 0, 0))
    assert locate_near(picture(0.0, people=0), faces) is None
    unclear = [Located(faces[0].box, 0.1)]
    assert locate_near(picture(0.0, people=0), unclear) == []


@pytest.mark.parametrize("where", [(-40, 300), (500, -30), (5000, 5000)])
def test_a_place_at_the_edge_or_beyond_it_is_no_error(where: tuple[int, int]) -> None:
    left, top = where
    box = detect.Box(left, top, left + 100, top + 100)
    assert locate_near(picture(0.0, (640, 480)), [Located(box, 0.1)]) is not None


def before(image: Image, *, signature: Image | None = None, other_face: bool = False) -> PreviousFrame:
    seen = find_faces(image, 1.0, PREPROCESSING)
    faces = tuple(Located(sighting.box, sighting.score) for sighting in seen.sightings)
    miniatures = tuple(s.miniature.T if other_face else s.miniature for s in seen.sightings)
    return PreviousFrame(seen.signature if signature is None else signature, faces, miniatures)


def test_after_a_cut_the_whole_frame_is_looked_at() -> None:
    """A person stands where somebody stood before, and another elsewhere, whom a near look cannot see."""
    left = picture(0.0, (640, 480))
    both = np.hstack([left, picture(0.0, (640, 480))[:, ::-1]])
    alone = np.hstack([left, np.full_like(left, 90)])
    signature = find_faces(both, 1.0, PREPROCESSING, found_by="hog").signature

    def people(before: PreviousFrame) -> int:
        return len(
            clear(
                [
                    Located(s.box, s.score)
                    for s in find_faces(both, 1.0, PREPROCESSING, before=before, found_by="hog").sightings
                ]
            )
        )

    assert people(before(alone, signature=signature)) == 1
    assert people(before(alone, signature=255 - signature, other_face=True)) == 2
    # The very same face in the same light: the camera moved, and the next whole look is soon enough.
    assert people(before(alone, signature=255 - signature)) == 1


def test_strangers_are_not_alike() -> None:
    first = find_faces(picture(0.0), 1.0, PREPROCESSING).sightings[0]
    moved = find_faces(picture(0.3), 1.0, PREPROCESSING).sightings[0]
    assert alike(first.miniature, moved.miniature)
    assert not alike(first.miniature, np.ascontiguousarray(first.miniature.T))
    assert not alike(first.miniature, first.miniature // 2)
    assert not alike(np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.uint8))


def film(count: int, enters: int, leaves: int) -> Iterator[Frame]:
    """A second person is there from one frame to another."""
    for i in range(count):
        image = picture(i / 10, (640, 240), people=2)
        if not enters <= i < leaves:
            image[:, 320:] = picture(i / 10, (320, 240), people=0)
        yield Frame(i / 10, image)


def found(people: People) -> list[list[int]]:
    return [[seen.frame for seen in person] for person in people.persons]


@pytest.mark.parametrize("enters", [1, 6, 8])
def test_who_enters_is_found_within_a_few_frames_and_followed(enters: int, pool: FacePool) -> None:
    # At 100 frames every 25th is searched thoroughly; these are fewer, of a sample of that size.
    one, other = found(find_people(film(25, enters, 22), PREPROCESSING, pool, count=100))
    assert one == list(range(25))
    assert enters <= other[0] < enters + WHOLE_EVERY
    assert other == list(range(other[0], 22))


def test_what_is_found_does_not_depend_on_the_number_of_processes() -> None:
    def boxes(processes: int) -> list[list[detect.Box]]:
        with FacePool(processes) as pool:
            people = find_people(film(14, 3, 12), PREPROCESSING, pool, count=100)
        return [[seen.sighting.box for seen in person] for person in people.persons]

    assert boxes(0) == boxes(1) == boxes(3)


def test_a_small_face_is_followed_without_searching_everything(searched: list[int]) -> None:
    def image(i: int) -> Image:
        image = np.full((720, 1280, 3), 90, dtype=np.uint8)
        image[400:540, 900:1100] = cv2.resize(picture(i / 20), (200, 140))
        return image

    with FacePool(0) as inline:
        frames = (Frame(i / 20, image(i)) for i in range(12))
        people = find_people(frames, PREPROCESSING, inline, count=100, found_by="hog")
    assert len(people.persons) == 1
    assert sum(pixels < 300 * 300 for pixels in searched) >= 6
