"""This detector's work on one video, from the start of the process, as `manage.py analyze` does it.

python -m benchmarks.ours clip.mp4 100 [hog]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ml_app.detection.faces.finder import FINDERS, USUAL, FinderName
from ml_app.detection.faces.pool.process_pool import shared_pool

MODELS = Path(__file__).resolve().parents[1] / "models"
DETECTOR = "standard"


def main(path: str, count: int, found_by: FinderName = USUAL) -> None:
    """Load the detector and analyse."""
    shared_pool().warm_up()  # first: it needs the longest
    from ml_app.detection.runtime.loading import LoadingDetector

    detector = LoadingDetector(MODELS, DETECTOR, count, "cpu")
    from ml_app.detection.pipeline import analyse

    findings = analyse(Path(path), detector, frames=count, found_by=found_by)
    seconds = findings.seconds
    print(
        json.dumps(
            {
                "seconds": {
                    "decode": seconds.decode,
                    "faces": seconds.faces,
                    "network": seconds.network,
                    "explain": seconds.explain,
                },
                "frames": findings.frames_analysed,
                "faces": findings.frames_with_faces,
                "answer": findings.verdict.value,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), next((name for name in FINDERS if name in sys.argv[3:]), USUAL))
