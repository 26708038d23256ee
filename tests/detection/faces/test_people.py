"""Looking at frames: faces found, measured and cut out, in this process and in others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from ml_app.detection.checkpoints.metadata import Preprocessing
from ml_app.detection.errors import Cancelled, DetectionError
from ml_app.detection.faces import frame_faces
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.detect import overlap
from ml_app.detection.faces.finder import FinderName
from ml_app.detection.faces.frame_faces import find_faces
from ml_app.detection.faces.people import MAX_PEOPLE, find_people
from ml_app.detection.faces.pool.process_pool import FacePool
from tests.detection.conftest import Frame
from tests.media import picture, portrait
from tests.waiting import PATIENCE, wait_for

PREPROCESSING = Preprocessing(64, 1.2)


def film(*, count: int = 6, size: tuple[int, int] = (320, 240), people: int = 1) -> Iterator[Frame]:
    for i in range(count):
        yield Frame(i / 5, picture(i / 5, size, people))


def test_a_face_is_found_where_it_is() -> None:
    seen = find_faces(picture(0), 1.0, PREPROCESSING).sightings
    assert len(seen) == 1
    # portrait(): a face about 87 of 256 wide about the centre, drawn 228 high at the bottom.
    assert overlap(seen[0].box, frame_faces.Box(117, 80, 199, 162)) > 0.5
    assert seen[0].score > 0.8
    assert seen[0].crop.shape == (64, 64, 3)
    assert seen[0].crop.flags.c_contiguous


def test_boxes_are_in_pixels_of_the_full_frame() -> None:
    whole = find_faces(picture(0, (640, 480)), 1.0, PREPROCESSING).sightings[0].box
    small = find_faces(picture(0), 0.5, PREPROCESSING).sightings[0].box
    assert overlap(whole, small) > 0.8


def test_landmarks_are_in_pixels_of_the_full_frame() -> None:
    whole = find_faces(picture(0, (640, 480)), 1.0, PREPROCESSING).sightings[0].landmarks
    small = find_faces(picture(0), 0.5, PREPROCESSING).sightings[0].landmarks
    assert whole.shape == (68, 2)
    assert whole.dtype == small.dtype == np.float32
    assert np.abs(whole - small).mean() < 4
    left_eye, right_eye, chin = small[36:42].mean(axis=0), small[42:48].mean(axis=0), small[8]
    assert left_eye[0] < chin[0] < right_eye[0]
    assert max(left_eye[1], right_eye[1]) < chin[1]


def test_the_false_box_of_the_astronaut_is_left_out(pool: FacePool) -> None:
    """HOG sees a second face in her suit, at some sizes with a score above zero."""
    frames = [Frame(i, cv2.resize(skimage.data.astronaut(), (900 + 31 * i,) * 2)) for i in range(6)]
    people = find_people(frames, PREPROCESSING, pool, count=6)
    assert [len(person) for person in people.persons] == [6]


@pytest.mark.parametrize(("found_by", "level"), [("hog", 2), ("blazeface", 1)])
def test_a_small_face_needs_a_finer_search(found_by: FinderName, level: int) -> None:
    image = np.full((720, 1280, 3), 90, dtype=np.uint8)
    image[400:540, 900:1100] = picture(0, (200, 140))
    if found_by == "hog":
        assert find_faces(image, 1.0, PREPROCESSING, found_by=found_by).sightings == ()
    seen = find_faces(image, 1.0, PREPROCESSING, levels=(0, 2), found_by=found_by).sightings
    assert len(seen) == 1
    assert seen[0].level == level
    assert overlap(seen[0].box, frame_faces.Box(974, 446, 1025, 497)) > 0.4


def test_a_small_face_beside_a_large_one_is_found(pool: FacePool) -> None:
    def image(i: int) -> Image:
        image = np.full((720, 1280, 3), 90, dtype=np.uint8)
        image[240:720, 0:640] = picture(i / 5, (640, 480))
        image[400:680, 840:1240] = picture(i / 5, (400, 280))[:, ::-1]
        return image

    people = find_people([Frame(i / 5, image(i)) for i in range(10)], PREPROCESSING, pool, count=10)
    assert [len(person) for person in people.persons] == [10, 10]


def test_two_people_are_two(pool: FacePool) -> None:
    people = find_people(film(size=(640, 240), people=2), PREPROCESSING, pool, count=6)
    assert [len(person) for person in people.persons] == [6, 6]
    assert (people.frames_looked_at, people.frames_with_faces) == (6, 6)
    left, right = sorted(people.persons, key=lambda person: person[0].sighting.box.left)
    assert all(a.sighting.box.right <= b.sighting.box.left for a, b in zip(left, right, strict=True))
    assert [seen.time_s for seen in left] == pytest.approx([i / 5 for i in range(6)])


def test_a_person_is_known_again_after_a_cut(pool: FacePool) -> None:
    """In another place, larger, before another background: only the face tells that it is the same person."""

    def image(i: int) -> Image:
        if 2 <= i < 4:
            image = np.full((480, 640, 3), (20, 60, 30), dtype=np.uint8)
            image[80:480, 0:400] = cv2.resize(portrait(), (400, 400))
            return image
        image = np.full((480, 640, 3), 200, dtype=np.uint8)
        image[224:480, 384:640] = portrait()
        return image

    people = find_people([Frame(i, image(i)) for i in range(6)], PREPROCESSING, pool, count=6)
    assert [[seen.frame for seen in person] for person in people.persons] == [[0, 1, 2, 3, 4, 5]]


def test_nobody_is_found_in_an_empty_picture(pool: FacePool) -> None:
    people = find_people(film(people=0, count=2), PREPROCESSING, pool, count=2)
    assert people.persons == ()
    assert people.frames_looked_at == 2


def test_a_crowd_is_cut_to_those_seen_most_often(pool: FacePool) -> None:
    def image(i: int) -> Image:
        # Wide rather than high: faces must be large enough to be clear.
        crowd = np.tile(picture(i / 5, (840, 240), 3), (5, 2, 1))
        crowd[:240, :280] = 90 if i % 2 else crowd[:240, :280]
        return crowd

    people = find_people([Frame(i / 5, image(i)) for i in range(4)], PREPROCESSING, pool, count=4)
    assert len(people.persons) == MAX_PEOPLE
    assert people.notes == ("more_people:6",)
    assert all(len(person) == 4 for person in people.persons)


def test_sharpness_and_brightness_are_measured() -> None:
    sharp = find_faces(picture(0), 1.0, PREPROCESSING).sightings[0]
    blurred = find_faces(cv2.GaussianBlur(picture(0), (0, 0), 3), 1.0, PREPROCESSING).sightings[0]
    dark = find_faces(picture(0) // 4, 1.0, PREPROCESSING).sightings[0]
    assert blurred.sharpness < sharp.sharpness / 5
    assert dark.brightness == pytest.approx(sharp.brightness / 4, rel=0.1)


def test_the_thumbnail_shows_what_the_network_saw() -> None:
    seen = find_faces(picture(0, (640, 480)), 1.0, PREPROCESSING).sightings[0]
    thumbnail = cv2.imdecode(np.frombuffer(seen.thumbnail, np.uint8), cv2.IMREAD_COLOR)
    assert thumbnail.shape[:2] == (160, 160) == seen.thumbnail_size[::-1]
    small = cv2.cvtColor(cv2.resize(thumbnail, (64, 64), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    assert np.abs(small.astype(int) - seen.crop).mean() < 4


def test_a_face_at_the_edge_is_cut_out(pool: FacePool) -> None:
    image = picture(0, (640, 480))
    box = find_faces(image, 1.0, PREPROCESSING).sightings[0].box
    for edge in (image[:, : box.right - 15], image[box.top + 10 :]):
        for seen in find_faces(np.ascontiguousarray(edge), 1.0, Preprocessing(64, 2.0)).sightings:
            assert seen.crop.shape == (64, 64, 3)
            assert 0 <= seen.box.left < seen.box.right <= edge.shape[1]
            assert 0 <= seen.box.top < seen.box.bottom <= edge.shape[0]


def test_one_process_and_this_one_see_the_same(pool: FacePool) -> None:
    with FacePool(0) as inline:
        here = inline.submit(find_faces, picture(0), 1.0, PREPROCESSING).result()
    there = pool.submit(find_faces, picture(0), 1.0, PREPROCESSING).result()
    assert [seen.box for seen in here.sightings] == [seen.box for seen in there.sightings]
    assert np.array_equal(here.sightings[0].crop, there.sightings[0].crop)


def test_descriptors_know_a_person_again() -> None:
    one, again = (find_faces(picture(t), 1.0, PREPROCESSING).sightings[0] for t in (0.0, 1.0))
    first = frame_faces.describe(one.chip)
    assert first.shape == (128,)
    assert np.linalg.norm(first - frame_faces.describe(again.chip)) < 0.3
    assert np.linalg.norm(first - frame_faces.describe(np.ascontiguousarray(one.chip[::-1]))) > 0.6


def test_a_process_that_dies_is_an_error_and_is_replaced() -> None:
    with FacePool(1) as pool:
        pool.submit(frame_faces.warm_up).result(PATIENCE)
        child = pool._idle.get()
        assert child is not None
        os.kill(child.pid, signal.SIGKILL)
        pool._idle.put(child)
        with pytest.raises(DetectionError) as caught:
            pool.submit(find_faces, picture(0), 1.0, PREPROCESSING).result(PATIENCE)
        assert caught.value.code == "face_detector_crashed"
        assert len(pool.submit(find_faces, picture(0), 1.0, PREPROCESSING).result(PATIENCE).sightings) == 1


def test_a_process_that_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with FacePool(1) as pool:
        pool.submit(frame_faces.warm_up).result(PATIENCE)
        child = pool._idle.get()
        assert child is not None
        os.kill(child.pid, signal.SIGSTOP)
        pool._idle.put(child)
        monkeypatch.setattr("ml_app.detection.faces.pool.process_pool.JOB_SECONDS", 0.3)
        with pytest.raises(DetectionError) as caught:
            pool.submit(find_faces, picture(0), 1.0, PREPROCESSING).result(PATIENCE)
        assert caught.value.code == "face_detector_crashed"
        assert not _alive(child.pid)


@pytest.mark.parametrize("processes", [0, 1])
def test_what_goes_wrong_inside_is_an_error(processes: int) -> None:
    with FacePool(processes) as pool, pytest.raises(DetectionError) as caught:
        pool.submit(find_faces, "no image", 1.0, PREPROCESSING).result(PATIENCE)
    assert caught.value.code == "face_detector_failed"


def test_cancelling_stops_at_the_next_frame(pool: FacePool) -> None:
    taken = 0

    def frames() -> Iterator[Frame]:
        nonlocal taken
        for frame in film(count=50):
            taken += 1
            yield frame

    with pytest.raises(Cancelled):
        find_people(frames(), PREPROCESSING, pool, count=50, cancelled=lambda: taken >= 3)
    assert taken == 3


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:  # it may go while it is read
        return False


def test_processes_end_with_their_parent_however_it_dies() -> None:
    code = (
        "import time; from ml_app.detection.faces import frame_faces;"
        "from ml_app.detection.faces.pool.process_pool import FacePool;"
        "pool = FacePool(2); [pool.submit(frame_faces.warm_up) for _ in range(6)][-1].result();"
        "children = [pool._idle.get() for _ in range(2)];"
        "print(*[c.pid for c in children if c], flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(word) for word in parent.stdout.readline().split()]
    assert children
    assert all(map(_alive, children))
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(map(_alive, children)), "none outlives its parent")


def test_a_process_that_looks_imports_neither_torch_nor_django() -> None:
    code = (
        "import sys; from ml_app.detection.faces import frame_faces; frame_faces.warm_up();"
        "import ml_app.detection.faces.pool.process_pool;"
        "print(sorted({'torch', 'django'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_people_who_lie_on_their_side_tell_how_to_turn_the_video(turn: int, pool: FacePool) -> None:
    def image(i: int) -> Image:
        return np.ascontiguousarray(np.rot90(picture(i / 5, (640, 480)), k=turn // 90))

    people = find_people([Frame(i / 5, image(i)) for i in range(4)], PREPROCESSING, pool, count=4)
    assert people.turn == turn


def test_where_somebody_stands_nothing_is_turned(pool: FacePool) -> None:
    def image(i: int) -> Image:
        standing = picture(i / 5, (640, 480))
        lying = cv2.resize(picture(i / 5, (480, 480)), (300, 300))
        return np.hstack([standing, np.vstack([np.rot90(lying), np.full((180, 300, 3), 90, np.uint8)])])

    people = find_people([Frame(i / 5, image(i)) for i in range(4)], PREPROCESSING, pool, count=4)
    assert [len(person) for person in people.persons] == [4]
    assert people.turn == 0
