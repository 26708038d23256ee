"""A detector that asks others and weighs what they say: stacked generalisation (Wolpert, 1992).

Its logit of a person is a weighted sum of its parts' calibrated logits. It has no network of its own: its
checkpoint names its parts by the hashes of their files. A part that cannot judge a person says nothing: a
logit of zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ml_app.detection import verdict
from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import (
    HeadMetadata,
    PictureMeasurement,
    Preprocessing,
    Sampling,
)
from ml_app.detection.checkpoints.sharing import check_part
from ml_app.detection.findings import FaceFinding, FaceFrameFinding, Findings, Kind, Opinion, Reason, Verdict
from ml_app.detection.runtime.loading import Loadable, LoadingDetector

ARCHITECTURE = "ensemble"
SMALLEST = 1e-6  # probability; nearer to 0 and 1 no logit is taken


def logit(probability: float) -> float:
    """Of a calibrated probability, that is, with even odds before."""
    kept = min(max(probability, SMALLEST), 1 - SMALLEST)
    return math.log(kept / (1 - kept))


def disagree(logits: Sequence[float], least: float) -> bool:
    """Whether two of these are this clear or clearer, on opposite sides; never where `least` is 0."""
    return least > 0 and max(logits) >= least and min(logits) <= -least


class Ensemble:
    """Its parts, loaded or being loaded, with what its checkpoint says. The first one's people are judged."""

    pictures: PictureMeasurement | None = None

    def __init__(self, head: HeadMetadata, sha256: str, frames: int, parts: Sequence[Loadable]) -> None:
        self.metadata, self.frames = head, frames
        self.parts: tuple[Loadable, ...] = tuple(parts)
        self.info = head.info(sha256)

    @property
    def preprocessing(self) -> Preprocessing:
        """The first part's."""
        return self.parts[0].preprocessing

    @property
    def sampling(self) -> Sampling:
        """The first part's."""
        return self.parts[0].sampling

    def ready(self) -> Ensemble:
        """Wait for the parts.

        Raises:
            CheckpointError: One cannot be loaded.
        """
        self.parts = tuple(part.ready() for part in self.parts)
        return self

    def asked(self, others: Sequence[Loadable]) -> list[Loadable]:
        """Whom the first part's analysis asks as well: the other parts, then others, nobody twice."""
        names = {part.info.name for part in self.parts}
        return [*self.parts[1:], *(other for other in others if other.info.name not in names)]

    def warm_up(self) -> None:
        """Run each part once on nothing."""
        for part in self.parts:
            part.ready().warm_up()

    def describe_device(self) -> str:
        """That of the first part, in words."""
        return self.parts[0].ready().describe_device()

    def combined(self, findings: Findings) -> Findings:
        """The ensemble's own finding.

        Args:
            findings: The first part's, with the others' opinions first among its own.
        """
        asked = findings.opinions[: len(self.parts) - 1]
        others = [{face.id: face for face in opinion.faces} for opinion in asked]
        faces = tuple(self._face(face, others) for face in findings.faces)
        decision = self.metadata.decision
        ruling = verdict.judge_video(faces)
        judges = findings.video.kind is Kind.VIDEO
        if not judges:
            faces, ruling = (), verdict.Ruling(Verdict.NOT_ANALYSABLE, Reason.PICTURES_NOT_MEASURED)
        opinions = (_own(findings), *findings.opinions)
        notes = tuple(note for note in findings.notes if note != "nearest_head")
        return replace(
            findings,
            detector=self.info,
            verdict=ruling.verdict,
            reason=ruling.reason,
            fake_probability=ruling.fake_probability,
            evidence=ruling.evidence,
            threshold=decision.threshold if judges else None,
            uncertain_band=(decision.uncertain_low, decision.uncertain_high) if judges else None,
            faces=faces,
            notes=(*notes, *(("nearest_head",) if self.frames != self.info.frame_count else ())),
            opinions=opinions,
        )

    def _face(self, face: FaceFinding, others: Sequence[Mapping[int, FaceFinding]]) -> FaceFinding:
        if face.fake_probability is None:
            return face
        logits = [logit(face.fake_probability), *(_said(told.get(face.id)) for told in others)]
        weights = [part.weight for part in self.metadata.parts]
        rest = sum(weight * one for weight, one in zip(weights[1:], logits[1:], strict=True))
        decision, calibration = self.metadata.decision, self.metadata.calibration
        probability = verdict.calibrated(weights[0] * logits[0] + rest, calibration)
        ruling = verdict.decide(probability, decision)
        if disagree(logits, self.metadata.disagreement):
            ruling = verdict.Ruling(Verdict.UNCERTAIN, Reason.DETECTORS_DISAGREE, probability)
        return replace(
            face,
            verdict=ruling.verdict,
            reason=ruling.reason,
            fake_probability=probability,
            evidence=ruling.evidence,
            frames=tuple(self._frame(frame, weights[0], rest) for frame in face.frames),
        )

    def _frame(self, frame: FaceFrameFinding, weight: float, rest: float) -> FaceFrameFinding:
        """A frame of the first part's, with what the others say of the person."""
        value = verdict.calibrated(weight * logit(frame.fake_probability) + rest, self.metadata.calibration)
        return replace(frame, fake_probability=value)


def _said(face: FaceFinding | None) -> float:
    return 0.0 if face is None or face.fake_probability is None else logit(face.fake_probability)


def _own(findings: Findings) -> Opinion:
    """The first part's finding as an opinion, beside those of the others."""
    without = tuple(
        replace(
            face,
            frames=tuple(replace(frame, thumbnail=b"", heatmap=None) for frame in face.frames),
        )
        for face in findings.faces
    )
    return Opinion(
        detector=findings.detector,
        verdict=findings.verdict,
        reason=findings.reason,
        fake_probability=findings.fake_probability,
        evidence=findings.evidence,
        threshold=findings.threshold,
        uncertain_band=findings.uncertain_band,
        frames_analysed=findings.frames_analysed,
        faces=without,
        notes=tuple(note for note in findings.notes if note == "nearest_head"),
        seconds=findings.seconds.network,
    )


def parts_of(models_dir: Path, name: str, frames: int) -> tuple[HeadMetadata, str]:
    """What the head for a frame count, or the nearest, says of itself, and its hash.

    Raises:
        CheckpointError: There is no such detector, or its head cannot be read.
    """
    folder = open_folder(models_dir, name)
    pinned = folder.heads[folder.nearest(frames)]
    return read_metadata(pinned.path, HeadMetadata), pinned.sha256


def load(models_dir: Path, name: str, frames: int, device: str = "auto") -> LoadingDetector | Ensemble:
    """Begin to load a detector of whatever kind; arguments and errors are those of `Detector.load`."""
    head, sha256 = parts_of(models_dir, name, frames)
    if not head.parts:
        return LoadingDetector(models_dir, name, frames, device)
    for part in head.parts:
        check_part(models_dir, part)
    parts = [LoadingDetector(models_dir, part.name, part.frame_count, device) for part in head.parts]
    return Ensemble(head, sha256, frames, parts)
