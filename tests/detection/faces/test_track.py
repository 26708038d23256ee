"""Which sightings belong to one person. They are written down here; real faces are in test_people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml_app.detection.faces.frame_faces import FrameFaces, Sighting
from ml_app.detection.faces.track import Descriptor, Seen, follow
from ml_app.detection.findings import Box

NOTHING = np.zeros((0, 0, 3), dtype=np.uint8)
POINTS = np.zeros((68, 2), dtype=np.float32)
SCENE = np.full((18, 32), 120, dtype=np.uint8)
OTHER_SCENE = np.full((18, 32), 40, dtype=np.uint8)


class People:
    """Faces that can be told apart: the brightness field carries who it is."""

    def __init__(self) -> None:
        self.described = 0

    def describe(self, sightings: Sequence[Sighting]) -> list[Descriptor]:
        self.described += len(sightings)
        return [np.eye(128, dtype=np.float32)[int(sighting.brightness)] for sighting in sightings]


def sighting(who: int, left: int, side: int = 100, score: float = 1.5, turned: bool = False) -> Sighting:
    """`turned`: the same person, but in a picture that alone does not tell so."""
    box = Box(left, 50, left + side, 50 + side)
    miniature = np.random.default_rng(who + 100 * turned).integers(0, 255, (16, 16)).astype(np.uint8)
    return Sighting(box, score, NOTHING, b"", (160, 160), NOTHING, 100.0, float(who), 0, miniature, POINTS)


def frame_of(*sightings: Sighting, scene: np.ndarray = SCENE) -> FrameFaces:
    return FrameFaces(sightings, scene)


def who(persons: list[list[Seen]]) -> list[list[tuple[int, int]]]:
    return [[(seen.frame, int(seen.sighting.brightness)) for seen in person] for person in persons]


def run(by_frame: list[FrameFaces], people: People | None = None) -> list[list[tuple[int, int]]]:
    return who(follow(by_frame, [float(i) for i in range(len(by_frame))], (people or People()).describe))


def test_a_moving_person_is_followed_by_position_alone() -> None:
    people = People()
    by_frame = [frame_of(sighting(1, 100 + 30 * i, side=100 + 5 * i)) for i in range(6)]
    assert run(by_frame, people) == [[(i, 1) for i in range(6)]]
    assert people.described == 0


def test_two_people_side_by_side() -> None:
    people = People()
    by_frame = [frame_of(sighting(2, 500), sighting(1, 100)) for _ in range(5)]
    assert run(by_frame, people) == [[(i, 2) for i in range(5)], [(i, 1) for i in range(5)]]
    assert people.described == 0


def test_people_who_resemble_each_other_need_no_closer_look_while_they_keep_their_places() -> None:
    people = People()
    twins = [sighting(1, 100 + 250 * place) for place in range(4)]
    found = run([frame_of(*twins) for _ in range(5)], people)
    assert found == [[(i, 1) for i in range(5)]] * 4
    assert people.described == 0


def test_people_close_together_need_no_closer_look_while_each_looks_the_same() -> None:
    people = People()
    by_frame = [frame_of(sighting(1, 100 + 2 * i), sighting(2, 150 - 2 * i)) for i in range(5)]
    assert run(by_frame, people) == [[(i, 1) for i in range(5)], [(i, 2) for i in range(5)]]
    assert people.described == 0


def test_people_who_cross_are_told_apart_by_face() -> None:
    path = [0, 40, 80, 120, 160, 200, 240]
    by_frame = [frame_of(sighting(1, 100 + x), sighting(2, 340 - x)) for x in path]
    assert run(by_frame) == [[(i, 1) for i in range(7)], [(i, 2) for i in range(7)]]


def test_a_cut_to_another_person_in_the_same_place_is_seen() -> None:
    by_frame = [frame_of(sighting(1, 100)) for _ in range(4)]
    by_frame += [frame_of(sighting(2, 105), scene=OTHER_SCENE) for _ in range(4)]
    by_frame += [frame_of(sighting(1, 100)) for _ in range(4)]
    assert run(by_frame) == [[(i, 1) for i in (*range(4), *range(8, 12))], [(i, 2) for i in range(4, 8)]]


def test_a_face_that_looks_the_same_needs_no_closer_look_after_a_quick_movement() -> None:
    people = People()
    scenes = [SCENE, OTHER_SCENE] * 3
    assert run([frame_of(sighting(1, 100), scene=scene) for scene in scenes], people) == [
        [(i, 1) for i in range(6)]
    ]
    assert people.described == 0
    turned = [frame_of(sighting(1, 100, turned=i % 2 > 0), scene=scene) for i, scene in enumerate(scenes)]
    assert run(turned, people) == [[(i, 1) for i in range(6)]]
    assert people.described > 0


def test_a_person_who_jumps_within_a_shot_is_found_again() -> None:
    by_frame = [frame_of(sighting(1, left)) for left in (0, 300, 900, 20)]
    assert run(by_frame) == [[(i, 1) for i in range(4)]]


def test_a_person_who_comes_back_after_a_while_is_the_same() -> None:
    by_frame = [frame_of(sighting(1, 100))] * 3 + [frame_of()] * 5 + [frame_of(sighting(1, 600))] * 3
    assert run(by_frame) == [[(i, 1) for i in (0, 1, 2, 8, 9, 10)]]


def test_one_person_is_not_two_in_one_frame() -> None:
    by_frame = [frame_of(sighting(1, 100), sighting(1, 500)) for _ in range(4)]
    assert [len(person) for person in run(by_frame)] == [4, 4]


def test_what_was_never_clearly_a_face_is_left_out() -> None:
    by_frame = [frame_of(sighting(1, 100), sighting(3, 700, score=0.1)) for _ in range(5)]
    assert run(by_frame) == [[(i, 1) for i in range(5)]]


def test_what_was_seen_once_must_be_very_clear() -> None:
    by_frame = [frame_of(sighting(1, 100)) for _ in range(5)]
    by_frame[2] = frame_of(sighting(1, 100), sighting(3, 700, score=0.5))
    by_frame[4] = frame_of(sighting(1, 100), sighting(4, 900, score=1.6))
    assert run(by_frame) == [[(i, 1) for i in range(5)], [(4, 4)]]


def test_nobody() -> None:
    assert run([frame_of(), frame_of()]) == []
    assert run([]) == []
