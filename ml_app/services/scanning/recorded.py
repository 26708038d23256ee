"""Findings as they were, from the rows they became: so that programs hear the same as on the command line."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch

from ml_app.detection import summary
from ml_app.detection.findings import (
    Box,
    DetectorInfo,
    Evidence,
    FaceFinding,
    FaceFrameFinding,
    Findings,
    Kind,
    Reason,
    Seconds,
    Verdict,
    VideoInfo,
)
from ml_app.detection.findings import Opinion as OpinionFinding
from ml_app.models import Face, FaceFrame, Opinion, Scan, Video
from ml_app.services.scanning.origins import origin_json


def findings_json(scan: Scan) -> dict[str, Any] | None:
    """What `manage.py analyze --json` would say of a finished scan; None for one that is not.

    `file` is the name under which the video was uploaded. Five queries at most.
    """
    if scan.status != Scan.Status.DONE:
        return None
    video = scan.video
    findings = recorded_findings(scan)
    return summary.to_json(
        video.original_name,
        video.sha256,
        findings,
        origin=origin_json(video),
        provenance=scan.provenance or None,
    )


def recorded_findings(scan: Scan) -> Findings:
    """The findings of a finished scan, without their pictures."""
    frames = Prefetch("frames", FaceFrame.objects.order_by("time_s", "pk"))
    return Findings(
        video=_video(scan.video),
        detector=_detector(scan),
        verdict=Verdict(scan.verdict),
        reason=Reason(scan.reason),
        fake_probability=scan.fake_probability,
        evidence=Evidence(scan.evidence),
        threshold=scan.threshold,
        uncertain_band=_band(scan),
        frames_requested=scan.frame_count,
        frames_analysed=scan.frames_analysed or 0,
        frames_with_faces=scan.frames_with_faces or 0,
        faces=tuple(_face(face) for face in scan.faces.prefetch_related(frames)),
        device=scan.device,
        seconds=Seconds(**scan.seconds),
        notes=tuple(scan.notes),
        opinions=tuple(_opinion(row) for row in scan.opinions.all()),
    )


def _detector(row: Scan | Opinion) -> DetectorInfo:
    return DetectorInfo(
        name=row.detector_name,
        version=row.detector_version,
        architecture=row.detector_architecture,
        frame_count=row.detector_frame_count or 0,
        sha256=row.detector_sha256,
    )


def _opinion(row: Opinion) -> OpinionFinding:
    return OpinionFinding(
        detector=_detector(row),
        verdict=Verdict(row.verdict),
        reason=Reason(row.reason),
        fake_probability=row.fake_probability,
        evidence=Evidence(row.evidence),
        threshold=row.threshold,
        uncertain_band=_band(row),
        frames_analysed=row.frames_analysed,
        faces=tuple(_face_of_opinion(face) for face in row.faces),
        notes=tuple(row.notes),
        seconds=row.seconds,
    )


def _face_of_opinion(face: dict[str, Any]) -> FaceFinding:
    return FaceFinding(
        id=face["id"],
        verdict=Verdict(face["verdict"]),
        reason=Reason(face["reason"] or ""),
        fake_probability=face["fake_probability"],
        evidence=Evidence(face["evidence"]),
        frames=tuple(
            FaceFrameFinding(
                time_s=frame["time_s"],
                box=Box(*frame["box"]),
                fake_probability=frame["fake_probability"],
                sharpness=0.0,
                brightness=0.0,
                thumbnail=b"",
            )
            for frame in face["frames"]
        ),
    )


def _band(scan: Scan | Opinion) -> tuple[float, float] | None:
    if scan.uncertain_low is None or scan.uncertain_high is None:
        return None
    return scan.uncertain_low, scan.uncertain_high


def _video(video: Video) -> VideoInfo:
    return VideoInfo(
        container=video.container,
        codec=video.codec,
        width=video.width or 0,
        height=video.height or 0,
        duration_s=video.duration_s or 0.0,
        frame_rate=video.frame_rate or 0.0,
        frame_count=0,
        rotation=0,
        has_audio=False,
        kind=Kind(video.kind),
        file_says=tuple((name, text) for name, text in video.file_says),
    )


def _face(face: Face) -> FaceFinding:
    return FaceFinding(
        id=face.number,
        verdict=Verdict(face.verdict),
        reason=Reason(face.reason),
        fake_probability=face.fake_probability,
        evidence=Evidence(face.evidence),
        frames=tuple(
            FaceFrameFinding(
                time_s=frame.time_s,
                box=Box(frame.left, frame.top, frame.right, frame.bottom),
                fake_probability=frame.fake_probability,
                sharpness=frame.sharpness,
                brightness=frame.brightness,
                thumbnail=b"",
            )
            for frame in face.frames.all()
        ),
    )
