"""One video or picture, from the first answer to the last.

We are forked with an open file and limits, see `fork_server`. We answer with what the file is. From then on
each line that we read asks for frames; we send them one after the other, and say when they are done. Each
message is four bytes of length, a JSON header, and for a frame its pixels.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from ml_app.detection.errors import VideoError
from ml_app.detection.video.decoder.fork_server import ForkServer
from ml_app.detection.video.decoder.memory import tight
from ml_app.detection.video.decoder.reader import Reader
from ml_app.detection.video.decoder.sample import Sampler
from ml_app.detection.video.decoder.sayings import sayings
from ml_app.detection.video.decoder.still import open_still
from ml_app.detection.video.decoder.survey import Survey, survey
from ml_app.detection.video.kinds import is_picture
from ml_app.sandbox.limits import die_with, limit

_SPARE_FILES = 8  # FFmpeg duplicates the descriptor when it opens it, and again when it rewinds by reopening


def restrict(task: dict[str, Any]) -> None:
    """Take the limits upon us, and die with our parent."""
    if not die_with(task["parent"]):
        sys.exit(1)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, task["niceness"])
    limit(int(task["cpu_seconds"]), int(task["memory_bytes"]), task["descriptor"] + _SPARE_FILES)
    av.logging.set_level(None)  # nobody reads it, and a full pipe would stop us


class Speaker:
    """Writes messages to the parent and counts the time in which we did not wait for it."""

    def __init__(self) -> None:
        self._output = sys.stdout.fileno()
        self._waited = 0.0
        self._started = time.monotonic() - time.process_time()  # the imports count as well

    def say(self, header: dict[str, Any], pixels: npt.NDArray[np.uint8] | None = None) -> None:
        worked = time.monotonic() - self._started - self._waited
        text = json.dumps(header | {"seconds": max(0.0, worked)}).encode()
        started = time.monotonic()
        self._write(memoryview(len(text).to_bytes(4) + text))
        if pixels is not None:
            self._write(pixels.data.cast("B"))
        self._waited += time.monotonic() - started

    def listen(self) -> dict[str, Any] | None:
        """The parent's request; None when it has no further interest."""
        started = time.monotonic()
        line = sys.stdin.buffer.readline()
        self._waited += time.monotonic() - started
        request: dict[str, Any] | None = json.loads(line) if line else None
        return request

    def _write(self, view: memoryview) -> None:
        while view:
            view = view[os.write(self._output, view) :]


def introduce(reader: Reader, found: Survey) -> dict[str, Any]:
    """The fields of a VideoInfo."""
    return {
        "container": reader.container_name,
        "codec": reader.codec_name,
        "width": reader.geometry.width,
        "height": reader.geometry.height,
        "duration": found.duration_s,
        "frame_rate": found.frame_rate,
        "frame_count": found.frame_count,
        "rotation": reader.geometry.rotation,
        "has_audio": reader.has_audio,
    }


def show(descriptor: int, max_pixels: int, speaker: Speaker) -> None:
    """The conversation about a picture: one frame, whatever is asked for."""
    picture = open_still(descriptor, max_pixels)
    about: dict[str, Any] = {
        "kind": "picture",
        "container": picture.format,
        "codec": picture.format,
        "file_says": sayings(picture),
        "width": picture.width,
        "height": picture.height,
        "rotation": picture.rotation,
        "duration": 0.0,
        "frame_rate": 0.0,
        "frame_count": 1,
        "has_audio": False,
    }
    speaker.say(about | {"decoded": 1})
    request = speaker.listen()
    if request is not None:
        speaker.say({"time": 0.0, "decoded": 1}, picture.pixels(request["width"], request["height"]))
        speaker.say({"done": True, "decoded": 1})


def converse(task: dict[str, Any], speaker: Speaker) -> None:
    if is_picture(task["descriptor"]):
        show(task["descriptor"], task["max_pixels"], speaker)
        return
    with Reader(task["descriptor"], task["max_pixels"]) as reader:
        found = survey(reader, task["max_duration_s"])
        speaker.say(introduce(reader, found) | {"decoded": reader.decoded, "notes": reader.notes()})
        while (request := speaker.listen()) is not None:
            answer(request, reader, Sampler(reader, found), speaker)


def answer(request: dict[str, Any], reader: Reader, sampler: Sampler, speaker: Speaker) -> None:
    """Send the frames that were asked for."""
    for time_s, frame in sampler.frames(request["times"], request["count"]):
        pixels = reader.geometry.upright(frame, request["width"], request["height"])
        speaker.say({"time": time_s, "decoded": reader.decoded}, pixels)
    notes = [*reader.notes(), *sampler.notes]
    speaker.say({"done": True, "decoded": reader.decoded, "notes": notes})


def work(task: dict[str, Any]) -> None:
    """Decode one file, and end.

    Args:
        task: `descriptor`, `parent` (the number of that process), `niceness`, and the fields of a `Limits`.
    """
    speaker = Speaker()
    restrict(task)
    try:
        converse(task, speaker)
    except VideoError as error:
        speaker.say({"error": error.code, "detail": error.detail})
    except BrokenPipeError:
        pass
    except Exception as error:
        full = isinstance(error, MemoryError) or tight()
        code = "decoder_out_of_memory" if full else "decoder_crashed"
        speaker.say({"error": code, "detail": f"{type(error).__name__} {error}"})
    os._exit(0)  # without tidying up: a damaged heap must not crash us after the last answer


if __name__ == "__main__":
    ForkServer(work).serve()
