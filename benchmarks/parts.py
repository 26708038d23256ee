"""Where the processor's time goes in one analysis, part by part, in one process without any waiting.

python -m benchmarks.parts clip.mp4 100
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import cpu_of_family
from benchmarks.ours import DETECTOR, MODELS

if TYPE_CHECKING:
    from ml_app.detection.runtime.detector import Detector

FACES_START = "from ml_app.detection.faces.pool import worker; worker.frame_faces.warm_up()"
SEARCH = {  # what looks for faces in a frame: part, module, function
    "find": (("finder.BlazeFace", "everywhere"), ("finder.BlazeFace", "near")),
    "turn": (("upright", "turn_of"),),
    "landmarks": (("frame_faces", "_landmarks"),),
    "crop": (("frame_faces", "_crop"),),
    "thumbnail": (("frame_faces", "_thumbnail"),),
    "signature": (("frame_faces", "_signature"),),
    "describe": (("frame_faces", "describe"),),
}


class Clock:
    """Seconds of the processor by part, of this process and those that it started."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What happens in the block is this part's, with what ends in it."""
        started = _cpu()
        yield
        self.seconds[name] += _cpu() - started

    def watch(self, owner: Any, function: str, name: str) -> None:
        """Count all calls of a function or method from now on as this part's."""
        original: Callable[..., Any] = getattr(owner, function)

        @wraps(original)
        def watched(*arguments: Any, **options: Any) -> Any:
            started = time.thread_time()
            try:
                return original(*arguments, **options)
            finally:
                self.seconds[name] += time.thread_time() - started

        setattr(owner, function, watched)


def _cpu() -> float:
    return cpu_of_family(os.getpid())


def main(path: Path, count: int) -> None:
    """Print the seconds of each part as JSON."""
    clock = Clock()
    clock.seconds["start"] = time.process_time()
    with clock.part("start"):
        from ml_app.detection import pipeline
        from ml_app.detection.runtime.detector import Detector

        detector = Detector.load(MODELS, DETECTOR, count, "cpu")
    with clock.part("start_faces"):
        subprocess.run([sys.executable, "-c", FACES_START], check=True)
    with clock.part("start_decoder"):
        from ml_app.detection.video.opening import open_video, probe

        probe(path)
    with clock.part("decode"), open_video(path) as video:
        images = [frame.image for frame in video.frames(detector.sampling, count)]
    import cv2

    from ml_app.detection.faces.pool.process_pool import FacePool

    side = detector.preprocessing.image_size
    crops = [cv2.resize(image, (side, side)) for image in images]
    del images
    detector.warm_up()
    with clock.part("network"):
        detector.embed(crops)
    _watch(clock, detector)
    with clock.part("analysis"), FacePool(0) as pool:
        findings = pipeline.analyse(path, detector, frames=count, pool=pool)
    print(json.dumps({"seconds": clock.seconds, "faces": findings.frames_with_faces}))


def _watch(clock: Clock, detector: Detector) -> None:
    import dlib

    from ml_app.detection.faces import finder, frame_faces, search, upright

    frame_faces.warm_up()
    owners = {"finder.BlazeFace": finder.BlazeFace, "upright": upright, "frame_faces": frame_faces}
    for name, functions in SEARCH.items():
        for owner, function in functions:
            clock.watch(owners[owner], function, name)
    clock.watch(dlib, "get_face_chip", "chip")
    clock.watch(search, "find_in_segment", "search")
    clock.watch(detector, "score_embeddings", "scores")
    clock.watch(detector, "activations", "explain")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
