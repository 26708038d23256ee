"""What the colours of a file alone do to a score: the same clips in BT.709, in PQ and in HLG.

    .venv/bin/python -m benchmarks.hdr_scores FOLDER [--every 60] [--frames 20]

Each clip is stored anew three times in H.265 with ten bits: as it is, and put into HDR as BT.2408 says.
The codec's own noise is kept out as far as it goes: in HDR it falls on other tones, and scores follow it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import av
import numpy as np

from benchmarks.ours import DETECTOR, MODELS
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.video.decoder import hdr
from tests.detection.video.test_colours import BT709, BT2020, Storing, write_all

LEAST_NOISE = {"crf": "0"}
WAYS = {
    "BT.709": Storing("libx265", "yuv420p10le", matrix=BT709, options=LEAST_NOISE),
    "PQ": Storing("libx265", "yuv420p10le", matrix=BT2020, curve=hdr.PQ, options=LEAST_NOISE),
    "HLG": Storing("libx265", "yuv420p10le", matrix=BT2020, curve=hdr.HLG, options=LEAST_NOISE),
}


def main() -> None:
    """Print the probability of each clip each way, and how far they lie apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take one of so many clips")
    parser.add_argument("--frames", type=int, default=20)
    options = parser.parse_args()
    detector = Detector.load(MODELS, DETECTOR, options.frames, "cpu")
    apart = []
    for path in sorted(options.folder.glob("*.mp4"))[:: options.every]:
        with av.open(str(path)) as container:
            images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][:50]
        with tempfile.TemporaryDirectory() as folder:
            files = [
                write_all(Path(folder) / f"{number}.mp4", way, images)
                for number, way in enumerate(WAYS.values())
            ]
            scores = [analyse(file, detector, frames=options.frames).fake_probability or 0 for file in files]
        apart.append(max(scores) - min(scores))
        print(
            path.name, *(f"{name} {score:.3f}" for name, score in zip(WAYS, scores, strict=True)), flush=True
        )
    print(f"{len(apart)} clips: apart by {np.mean(apart):.3f} on average, {max(apart):.3f} at most")


if __name__ == "__main__":
    main()
