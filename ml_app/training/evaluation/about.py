"""What a measurement was made with, so that somebody else can make it again."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml_app.detection.checkpoints.manifest import sha256_of
from ml_app.training.evaluation.cache import PACKAGES, code_fingerprint, installed
from ml_app.training.evaluation.figures import Bootstrap
from ml_app.training.evaluation.judging import AnyDetector
from ml_app.training.evaluation.table import LabelledClip

ROOT = Path(__file__).resolve().parents[3]


def software_version() -> str:
    """This software's version, as `pyproject.toml` has it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def about(
    table: Path, split: str | None, clips: list[LabelledClip], detector: AnyDetector, bootstrap: Bootstrap
) -> dict[str, Any]:
    """The head of `metrics.json`: clips, detector, frames, software, and what a reader must know of them."""
    return {
        "format": 1,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "clips": {"table": table.name, "sha256": sha256_of(table), "split": split, "n": len(clips)},
        "detector": _detector(detector),
        "frames": detector.frames,
        "software": {
            "version": software_version(),
            "detection_code": code_fingerprint(),
            "packages": {package: installed(package) for package in (*PACKAGES, "scikit-learn")},
        },
        "bootstrap": {"resamples": bootstrap.resamples, "seed": bootstrap.seed, "interval": 0.95},
        "notes": notes(clips, detector),
    }


def _detector(detector: AnyDetector) -> dict[str, Any]:
    head = detector.metadata
    parts = {"parts": [asdict(part) for part in head.parts]} if head.parts else {}
    return {
        "name": head.name,
        "version": head.version,
        "architecture": head.architecture,
        "frame_count": head.frame_count,
        "head_sha256": detector.info.sha256,
        "backbone_sha256": head.backbone_sha256,
        "device": detector.describe_device(),
        "threshold": head.decision.threshold,
        "uncertain_band": [head.decision.uncertain_low, head.decision.uncertain_high],
        "calibrated_on": head.calibration.fitted_on,
        **parts,
    }


def notes(clips: list[LabelledClip], detector: AnyDetector) -> list[str]:
    """Sentences that belong beside the figures."""
    found = []
    learned = sum(clip.split.lower() == "train" for clip in clips)
    if learned:
        found.append(
            f"{learned} of {len(clips)} clips belong to a split named train. If the detector learned from "
            "them, their figures tell how well it remembers, not how well it detects."
        )
    if detector.info.frame_count != detector.frames:
        found.append(
            f"The detector has no head for {detector.frames} frames; the nearest, for "
            f"{detector.info.frame_count}, was used on {detector.frames} frames."
        )
    if not detector.metadata.calibration.fitted_on:
        found.append("The detector was not calibrated: its numbers are scores, not probabilities.")
    missing = {True, False} - {clip.fake for clip in clips}
    if missing:
        kind = "manipulated" if missing.pop() else "genuine"
        found.append(f"There is no {kind} clip in the table: figures that need both kinds are empty.")
    return found
