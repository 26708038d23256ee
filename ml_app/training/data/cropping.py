"""Find and cut the faces of one picture or one clip: the work of a single process of `prepare`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import av.error
import cv2
import numpy as np

from ml_app.detection.checkpoints.manifest import sha256_of
from ml_app.detection.faces.crops import Image, landmark_square
from ml_app.detection.findings import Box
from ml_app.training.data.items import Clip, Picture
from ml_app.training.data.landmarks import Landmarks, find_face, find_face_in_crop
from ml_app.training.data.shards import STORED_MARGIN, CropFormat, Face, cut

MAX_SIDE = 1920  # of a decoded frame, as in serving
SAME_PERSON = 1.0  # how far a face may move from one frame to the next, in widths
SIZE_CHANGE = 1.6  # and by how much its size may change

Kept = tuple[Image, Landmarks, Face]


class Unreadable(ValueError):  # noqa: N818 - reads as what happened
    """A picture or clip cannot be used; the message says why."""


class NoFace(Unreadable):
    """It can be read, but no face is found in it: another try would find none either."""

    def __init__(self) -> None:
        super().__init__("no face found")


def faces_of_picture(picture: Picture, form: CropFormat) -> list[Kept]:
    """The face of a picture.

    Raises:
        Unreadable: It is no picture, or no face is found.
    """
    with picture.file.open("rb") as file:
        file.seek(picture.offset)
        data = file.read(picture.size)
    decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR) if data else None
    if decoded is None:
        raise Unreadable("not a readable picture")
    image = np.ascontiguousarray(decoded[..., ::-1], dtype=np.uint8)
    landmarks = None if picture.tight else find_face(image)
    if landmarks is None:
        landmarks = find_face_in_crop(image)
    if landmarks is None:
        raise NoFace
    face = replace(picture.face, sha256=hashlib.sha256(data).hexdigest(), margin=form.margin)
    return [(*cut(image, landmarks, form.side, form.margin), face)]


def faces_of_clip(clip: Clip, form: CropFormat) -> list[Kept]:
    """The frames of a clip's main person, in order of time: whoever is followed through the most of them.

    Raises:
        Unreadable: It cannot be opened or decoded, or no face is found.
    """
    if not clip.path.is_file():
        raise Unreadable("there is no such file")
    try:
        tracks = follow(sampled(clip.path, form.clip_frames), form.margin)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise Unreadable(f"not a readable video ({type(error).__name__})") from error
    if not tracks:
        raise NoFace
    face = replace(clip.face, sha256=sha256_of(clip.path), margin=form.margin)
    longest = max(tracks, key=len)
    return [
        (*cut(image, landmarks, form.side, form.margin), replace(face, time_s=time_s))
        for time_s, image, landmarks in longest
    ]


Found = tuple[float, Image, Landmarks]  # seconds, the face's surroundings, landmarks in pixels of them


def follow(frames: Iterable[tuple[float, Image]], margin: float = STORED_MARGIN) -> list[list[Found]]:
    """Follow one face at a time: where it is lost, a face elsewhere begins another track.

    Args:
        frames: Time in seconds and uint8 (H, W, 3) RGB, in order of time.
        margin: Of the crops that will be cut out of the surroundings.

    Returns:
        Tracks of surroundings with landmarks; they keep no whole frames.
    """
    tracks: list[list[Found]] = []
    squares: list[Box] = []  # of the last face of each track
    near = None
    for time_s, image in frames:
        landmarks = find_face(image, near)
        if landmarks is None:
            continue
        near = landmark_square(landmarks, 1.0)
        number = next((i for i, last in enumerate(squares) if same_face(last, near)), None)
        found = (time_s, *_surroundings(image, landmarks, margin))
        if number is None:
            tracks.append([found])
            squares.append(near)
        else:
            tracks[number].append(found)
            squares[number] = near
    return tracks


def same_face(last: Box, box: Box) -> bool:
    """Whether a face can have moved from one place to another between two kept frames."""
    apart = np.hypot(
        last.left + last.right - box.left - box.right, last.top + last.bottom - box.top - box.bottom
    )
    change = max(last.width, box.width) / max(1, min(last.width, box.width))
    return bool(apart / 2 <= SAME_PERSON * max(last.width, box.width) and change <= SIZE_CHANGE)


def _surroundings(image: Image, landmarks: Landmarks, margin: float) -> tuple[Image, Landmarks]:
    """The part of a frame that `cut` needs, so that a long clip does not fill the memory."""
    box = landmark_square(landmarks, margin * 1.3)
    left, top = max(0, box.left), max(0, box.top)
    part = np.ascontiguousarray(image[top : max(top + 1, box.bottom), left : max(left + 1, box.right)])
    if not part.size:
        raise ValueError("the landmarks lie beyond the frame")
    return part, landmarks - np.array([left, top], dtype=np.float32)


def sampled(path: Path, count: int) -> Iterator[tuple[float, Image]]:
    """At most `count` frames of a video, evenly over its whole length: seconds and uint8 (H, W, 3) RGB.

    What can be decoded of a video that breaks off is used.

    Raises:
        av.error.FFmpegError: It cannot be opened, or not one frame decoded.
        ValueError: It has no pictures.
    """
    wanted = _wanted(path, count)
    given = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"
        try:
            for number, frame in enumerate(container.decode(stream)):
                if number in wanted:
                    given += 1
                    time_s = frame.time if frame.time is not None else number / 25
                    yield float(time_s), _upright(frame)
        except av.error.FFmpegError:
            if not given:
                raise


def _wanted(path: Path, count: int) -> set[int]:
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise ValueError("no pictures in it")
        total = sum(packet.size > 0 for packet in container.demux(container.streams.video[0]))
    return set(np.linspace(0, total - 1, min(count, total)).round().astype(int).tolist())


def _upright(frame: av.VideoFrame) -> Image:
    scale = min(1.0, MAX_SIDE / max(frame.width, frame.height))
    size = (round(frame.width * scale), round(frame.height * scale))
    image = frame.reformat(*size, format="rgb24").to_ndarray()
    return np.ascontiguousarray(np.rot90(image, k=round(frame.rotation / 90) % 4))
