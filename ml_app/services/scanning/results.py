"""From the detector's findings to rows, all of them or none."""

from __future__ import annotations

import logging
import secrets
from dataclasses import asdict
from typing import Any

from django.db import Error, transaction
from django.db.models import QuerySet

from ml_app.detection.findings import FaceFinding, FaceFrameFinding, Findings
from ml_app.detection.summary import judged_face_json
from ml_app.models import Face, FaceFrame, Opinion, Scan
from ml_app.services.reviews.reviewing import open_case
from ml_app.storage import media_files

logger = logging.getLogger(__name__)


def may_be(question: QuerySet[Any]) -> bool:
    """Whether rows exist; true as well where the database cannot tell, because it has just died.

    It may have died after a commit and before its answer. Files must stay then: those that belong to no row
    the sweeper deletes, while a row without its files is lost.
    """
    try:
        return question.exists()
    except Error:
        return True


def save_findings(
    *, scan: Scan, findings: Findings, worker: str, provenance: dict[str, Any] | None = None
) -> bool:
    """Write everything an analysis found, and end the scan.

    The pictures are written first, into a folder of this attempt alone, so that the database is locked for
    the rows only. Whatever the pictures of an attempt that died here leave behind belongs to no row, and the
    sweeper deletes it.

    Args:
        scan: Running.
        findings: What the detector found.
        worker: Who analysed.
        provenance: What the file says of where it comes from, as JSON; None if nobody looked.

    Returns:
        False if the scan is no longer this worker's. Nothing has changed then.
    """
    folder = f"scans/{scan.pk}/{secrets.token_hex(4)}"
    try:
        frames = [_pictures(folder, face) for face in findings.faces]
        with transaction.atomic():
            saved = _end(scan, findings, worker, provenance or {})
            if saved:
                _save_faces(scan, findings, frames)
                _save_opinions(scan, findings)
                open_case(scan=Scan.objects.get(pk=scan.pk))
    except BaseException:
        if not may_be(Scan.objects.filter(pk=scan.pk, status=Scan.Status.DONE)):
            _discard(folder)
        raise
    if not saved:
        _discard(folder)
    return saved


def _end(scan: Scan, findings: Findings, worker: str, provenance: dict[str, Any]) -> bool:
    # First in the transaction: it locks the row, and tells whether the scan is still this worker's.
    return Scan.objects.finish(scan.pk, worker, provenance=provenance, **_result(findings))


def _result(findings: Findings) -> dict[str, Any]:
    low, high = findings.uncertain_band or (None, None)
    return {
        "verdict": findings.verdict.value,
        "reason": findings.reason.value,
        "evidence": findings.evidence.value,
        "fake_probability": findings.fake_probability,
        "threshold": findings.threshold,
        "uncertain_low": low,
        "uncertain_high": high,
        "frames_analysed": findings.frames_analysed,
        "frames_with_faces": findings.frames_with_faces,
        "notes": list(findings.notes),
        "device": findings.device,
        "seconds": _seconds(findings),
        "detector_version": findings.detector.version,
        "detector_architecture": findings.detector.architecture,
        "detector_frame_count": findings.detector.frame_count,
        "detector_sha256": findings.detector.sha256,
    }


def _seconds(findings: Findings) -> dict[str, float]:
    seconds = {name: round(value, 3) for name, value in asdict(findings.seconds).items()}
    if not findings.opinions:
        del seconds["opinions"]  # nobody was asked
    return seconds


def _pictures(folder: str, face: FaceFinding) -> list[FaceFrame]:
    return [_frame(f"{folder}/{face.id}-{number:04d}", frame) for number, frame in enumerate(face.frames)]


def _frame(stem: str, frame: FaceFrameFinding) -> FaceFrame:
    return FaceFrame(
        time_s=frame.time_s,
        left=frame.box.left,
        top=frame.box.top,
        right=frame.box.right,
        bottom=frame.box.bottom,
        fake_probability=frame.fake_probability,
        sharpness=frame.sharpness,
        brightness=frame.brightness,
        thumbnail=media_files.write(f"{stem}.jpg", frame.thumbnail),
        heatmap=media_files.write(f"{stem}.png", frame.heatmap) if frame.heatmap else "",
    )


def _save_faces(scan: Scan, findings: Findings, frames: list[list[FaceFrame]]) -> None:
    faces = Face.objects.bulk_create(
        Face(
            scan=scan,
            number=found.id,
            verdict=found.verdict.value,
            reason=found.reason.value,
            evidence=found.evidence.value,
            fake_probability=found.fake_probability,
        )
        for found in findings.faces
    )
    for face, of_face in zip(faces, frames, strict=True):
        for frame in of_face:
            frame.face = face
    FaceFrame.objects.bulk_create([frame for of_face in frames for frame in of_face], batch_size=500)


def _save_opinions(scan: Scan, findings: Findings) -> None:
    Opinion.objects.bulk_create(
        Opinion(
            scan=scan,
            number=number,
            detector_name=found.detector.name,
            detector_version=found.detector.version,
            detector_architecture=found.detector.architecture,
            detector_frame_count=found.detector.frame_count,
            detector_sha256=found.detector.sha256,
            verdict=found.verdict.value,
            reason=found.reason.value,
            evidence=found.evidence.value,
            fake_probability=found.fake_probability,
            threshold=found.threshold,
            uncertain_low=found.uncertain_band[0] if found.uncertain_band else None,
            uncertain_high=found.uncertain_band[1] if found.uncertain_band else None,
            frames_analysed=found.frames_analysed,
            faces=[judged_face_json(face) for face in found.faces],
            notes=list(found.notes),
            seconds=round(found.seconds, 3),
        )
        for number, found in enumerate(findings.opinions, 1)
    )


def _discard(folder: str) -> None:
    try:
        media_files.delete_folder(folder)
    except Exception as error:  # the first one is the one to hear of
        logger.warning("%s stays for the sweeper: %s", folder, error)
