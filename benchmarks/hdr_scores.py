"""What the colours of a file alone do to a score: the same clips in BT.709, in PQ and in HLG.

    .venv/bin/python -m benchmarks.hdr_scores FOLDER [--every 60] [--frames 20] [--crf 0 18 28]

Each clip is stored anew in H.265 with ten bits: as it is, and put into HDR as BT.2408 says. Beside each
score stands what is left of the picture once it came through codec and mapping, as its peak signal-to-noise
ratio (PSNR) in dB. What the mapping does shows at crf 0, where the codec loses as little as it can; what the
codec does shows in how that ratio falls with the crf.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from benchmarks.ours import DETECTOR, MODELS
from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.faces.crops import Image
from ml_app.detection.pipeline import analyse
from ml_app.detection.runtime.detector import Detector
from ml_app.detection.video.decoder import hdr
from ml_app.detection.video.opening import open_video
from tests.detection.video.test_colours import BT709, BT2020, Storing, write_all

WAYS = {
    "BT.709": Storing("libx265", "yuv420p10le", matrix=BT709),
    "PQ": Storing("libx265", "yuv420p10le", matrix=BT2020, curve=hdr.PQ),
    "HLG": Storing("libx265", "yuv420p10le", matrix=BT2020, curve=hdr.HLG),
}
MOST = 30  # frames of a clip


def psnr(images: Sequence[Image], path: Path) -> float:
    """Of a file's pictures beside the ones that were stored in it, dB."""
    errors = []
    with open_video(path) as video:
        for image, frame in zip(images, video.frames(Sampling("first"), len(images)), strict=True):
            height, width = frame.image.shape[:2]
            errors.append(np.square(frame.image.astype(np.float32) - image[:height, :width]).mean())
    return float(10 * np.log10(255**2 / np.mean(errors)))


def main() -> None:
    """Print the probability of each clip each way, and how far they lie apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take one of so many clips")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--crf", type=int, nargs="+", default=[0, 18, 28], help="28 is the encoder's own")
    options = parser.parse_args()
    detector = Detector.load(MODELS, DETECTOR, options.frames, "cpu")
    apart: dict[int, list[float]] = {crf: [] for crf in options.crf}
    for path in sorted(options.folder.glob("*.mp4"))[:: options.every]:
        with av.open(str(path)) as container:
            images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][:MOST]
        for crf, differences in apart.items():
            scores = []
            with tempfile.TemporaryDirectory() as folder:
                for name, way in WAYS.items():
                    stored = replace(way, options={"crf": str(crf)})
                    file = write_all(Path(folder) / f"{name}.mp4", stored, images)
                    findings = analyse(file, detector, frames=options.frames)
                    scores.append(findings.fake_probability or 0)
                    left = f"{psnr(images, file):.1f} dB, {file.stat().st_size / 1000:.0f} kB"
                    print(f"{path.name}, crf {crf}, {name}: {scores[-1]:.3f} ({left})", flush=True)
            differences.append(max(scores) - min(scores))
    for crf, differences in apart.items():
        mean, most = np.mean(differences), max(differences)
        print(f"crf {crf}, {len(differences)} clips: apart by {mean:.3f} on average, {most:.3f} at most")


if __name__ == "__main__":
    main()
