"""What happens in a clip from frame to frame, and what an editor of video would read off it.

Every frame is read, the person who is followed through the most of them is described by their 68 landmarks,
and neighbouring frames are compared. Of that a few facts are told: how often the person blinks (Soukupová and
Čech, "Real-Time Eye Blink Detection using Facial Landmarks", CVWW 2016), frames that repeat the one before,
abrupt changes within the face's box, and how much the mouth opens and closes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ml_app.detection.faces.crops import Image, landmark_square
from ml_app.detection.findings import Box
from ml_app.training.data.cropping import same_face, sampled
from ml_app.training.data.landmarks import Landmarks, find_face

Floats = npt.NDArray[np.float64]
NAN = float("nan")

MOST_FRAMES = 120  # of a clip: all of 3.2 s at 30 a second
CLOSED = 0.75  # of the person's own median eye aspect ratio: below it the eyes are closing
# One low frame is noise; longer, the eyes are shut or look down.
SHORTEST_BLINK_S, LONGEST_BLINK_S = 0.05, 0.5
REPEATED = 0.1  # grey levels of 255: coding sets copies of a frame 0.01 to 0.09 apart in most clips
LEAST_MOVED = 0.1  # and as a share of the clip's median change, or all frames of a still clip were copies
ABRUPT = 4.0  # times the clip's own median change from frame to frame
STILL = 0.5  # grey levels: the least that counts as a clip's usual change, or noise would be abrupt
LEAST_SECONDS, LONGEST_STEP_S, LEAST_SHARE = 1.0, 0.07, 0.9  # of a track that facts are told of

FACTS = {
    "blinks_per_second": "Blinks a second",
    "longest_without_blink_s": "Longest time without a blink",
    "repeated_frames": "Share of frames that repeat the one before",
    "abrupt_changes_per_second": "Abrupt changes of the face a second",
    "largest_change": "Largest change of the face, by its median",
    "mouth_opening": "Movement of the mouth's opening",
    "seconds": "(for comparison) length of the clip",
    "frame_rate": "(for comparison) frames a second",
}


@dataclass(frozen=True, slots=True)
class Timeline:
    """A clip of N frames, in T of which the person is followed.

    `times`: float64 (N,), seconds. `changed`: float64 (N - 1,), mean absolute difference of neighbouring
    frames, 0 to 255. `places`: int64 (T,), rising, of the person's frames. `points`: float32 (T, 68, 2),
    pixels. `face_changed`: float64 (T - 1,), as `changed` within the face's box in the former frame; not a
    number where frames without the person lie between.
    """

    times: Floats
    changed: Floats
    places: npt.NDArray[np.int64]
    points: npt.NDArray[np.float32]
    face_changed: Floats

    def save(self, file: Path) -> None:
        """Write it, whole or not at all."""
        partial = file.with_suffix(".partial.npz")
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez(partial, **arrays)
        partial.replace(file)

    @classmethod
    def load(cls, file: Path) -> Timeline:
        """What `save` has written."""
        with np.load(file) as kept:
            return cls(**{field.name: kept[field.name] for field in fields(cls)})


def watch(path: Path) -> Timeline:
    """Read a clip frame by frame.

    Raises:
        ValueError: It holds no pictures.
        av.error.FFmpegError: It cannot be decoded.
    """
    frames = list(sampled(path, MOST_FRAMES))
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) for _, image in frames]
    track = longest_track([image for _, image in frames])
    changed = [float(np.abs(after - before).mean()) for before, after in pairwise(grey)]
    face_changed = [
        _change_within(landmark_square(points, 1.0), grey[place], grey[following])
        if following == place + 1
        else NAN
        for (place, points), (following, _) in pairwise(track)
    ]
    return Timeline(
        np.array([time_s for time_s, _ in frames]),
        np.array(changed),
        np.array([place for place, _ in track], dtype=np.int64),
        np.array([points for _, points in track], dtype=np.float32).reshape(-1, 68, 2),
        np.array(face_changed),
    )


def longest_track(images: Sequence[Image]) -> list[tuple[int, Landmarks]]:
    """The frames that show whoever is followed through the most of them.

    Args:
        images: uint8 (H, W, 3) RGB each, all frames in order.

    Returns:
        Places of frames and float32 (68, 2) in pixels; empty where there is no face.
    """
    tracks: list[list[tuple[int, Landmarks]]] = []
    squares: list[Box] = []  # of the last face of each track
    near = None
    for place, image in enumerate(images):
        found = find_face(image, near)
        if found is None:
            continue
        near = landmark_square(found, 1.0)
        number = next((i for i, last in enumerate(squares) if same_face(last, near)), len(tracks))
        if number == len(tracks):
            tracks.append([])
            squares.append(near)
        tracks[number].append((place, found))
        squares[number] = near
    return max(tracks, key=len, default=[])


def _change_within(box: Box, before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> float:
    rows = slice(max(0, box.top), max(0, box.bottom))
    columns = slice(max(0, box.left), max(0, box.right))
    part = np.abs(after[rows, columns] - before[rows, columns])
    return float(part.mean()) if part.size else NAN


def eye_aspect_ratio(points: npt.NDArray[np.floating]) -> Floats:
    """How far the eyes are open, by Soukupová and Čech: the lids' distance over the eye's width.

    Args:
        points: float (..., 68, 2), dlib's landmarks in pixels.

    Returns:
        float64 (...), the mean of both eyes: about 0.3 where they are open, below 0.2 where they are closed.
    """
    right, left = (
        (_distance(points, first + 1, first + 5) + _distance(points, first + 2, first + 4))
        / np.maximum(2 * _distance(points, first, first + 3), 1e-6)
        for first in (36, 42)
    )
    return np.asarray((right + left) / 2)


def mouth_aspect_ratio(points: npt.NDArray[np.floating]) -> Floats:
    """How far the mouth is open: the mean distance of the inner lips over their width.

    Args:
        points: float (..., 68, 2), dlib's landmarks in pixels.

    Returns:
        float64 (...), 0 where it is closed, about 1 in a yawn.
    """
    lips = sum(_distance(points, upper, lower) for upper, lower in ((61, 67), (62, 66), (63, 65)))
    return np.asarray(lips / np.maximum(3 * _distance(points, 60, 64), 1e-6))


def _distance(points: npt.NDArray[np.floating], one: int, other: int) -> Floats:
    return np.linalg.norm(points[..., one, :] - points[..., other, :], axis=-1).astype(np.float64)


def blinks(openness: Floats, times: Floats) -> list[tuple[float, float]]:
    """Times for which the eyes close and open again.

    Args:
        openness: float64 (T,), eye aspect ratios of one person.
        times: float64 (T,), seconds, rising.

    Returns:
        When each begins and ends, seconds. Eyes that are closed in the first or the last frame are none:
        nobody knows for how long.
    """
    low = openness < CLOSED * np.median(openness)
    turns = np.flatnonzero(np.diff(low.astype(np.int8))) + 1
    found = [
        (float(times[start]), float(times[end]))
        for start, end in pairwise(turns)
        if low[start] and SHORTEST_BLINK_S <= times[end] - times[start] <= LONGEST_BLINK_S
    ]
    return found


def facts_of(timeline: Timeline) -> dict[str, float]:
    """The facts of a clip by the names of `FACTS`, not a number where they cannot be told."""
    times, told = timeline.times, dict.fromkeys(FACTS, NAN)
    if len(times) > 1:
        told["seconds"] = float(times[-1] - times[0])
        told["frame_rate"] = (len(times) - 1) / max(told["seconds"], 1e-6)
        usual = float(np.median(timeline.changed))
        told["repeated_frames"] = float(np.mean(timeline.changed < min(REPEATED, LEAST_MOVED * usual)))
    if not followed_well(timeline):
        return told
    seen = times[timeline.places]
    seconds = float(seen[-1] - seen[0])
    closed = blinks(eye_aspect_ratio(timeline.points), seen)
    edges = [float(seen[0]), *(edge for blink in closed for edge in blink), float(seen[-1])]
    usual = max(float(np.nanmedian(timeline.face_changed)), STILL)
    return told | {
        "blinks_per_second": len(closed) / seconds,
        "longest_without_blink_s": max(
            end - start for start, end in zip(edges[::2], edges[1::2], strict=True)
        ),
        "abrupt_changes_per_second": float(np.nansum(timeline.face_changed > ABRUPT * usual)) / seconds,
        "largest_change": float(np.nanmax(timeline.face_changed)) / usual,
        "mouth_opening": float(mouth_aspect_ratio(timeline.points).std()),
    }


def followed_well(timeline: Timeline) -> bool:
    """Whether the person is seen for a second or more, without gaps, in frames that are near together."""
    if len(timeline.places) < 2:
        return False
    seen = timeline.times[timeline.places]
    span = int(timeline.places[-1] - timeline.places[0]) + 1
    return bool(
        seen[-1] - seen[0] >= LEAST_SECONDS
        and np.median(np.diff(timeline.times)) <= LONGEST_STEP_S
        and len(seen) >= LEAST_SHARE * span
    )
