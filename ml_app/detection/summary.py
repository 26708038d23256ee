"""Findings for programs and for terminals: the fixed JSON of the command line, and a few sentences."""

from __future__ import annotations

from typing import Any

from ml_app.detection.errors import DetectionError
from ml_app.detection.findings import (
    DetectorInfo,
    Evidence,
    FaceFinding,
    Findings,
    Kind,
    Opinion,
    Reason,
    Seconds,
    Verdict,
    VideoInfo,
)

CAVEAT = "Finding nothing does not prove that a video or a picture is genuine."

_EVIDENCE = {
    Evidence.WEAK: "weak evidence",
    Evidence.MODERATE: "moderate evidence",
    Evidence.STRONG: "strong evidence",
    Evidence.VERY_STRONG: "very strong evidence",
}
_REASONS = {
    Reason.NONE: "",
    Reason.NEAR_THRESHOLD: "the probability is too near to the threshold",
    Reason.NO_FACE: "no face was found",
    Reason.FACE_TOO_SMALL: "the face is too small",
    Reason.TOO_BLURRED: "the face is too blurred",
    Reason.TOO_DARK: "the face is too dark",
    Reason.TOO_FEW_FRAMES: "the face was seen in too few frames",
    Reason.FRAMES_TOO_FAR_APART: "this detector reads movement, and the frames lie too far apart for it",
    Reason.DETECTORS_DISAGREE: "its detectors contradict each other",
    Reason.DRAWN_FACE: "the face looks drawn or painted, not photographed",
    Reason.PICTURES_NOT_MEASURED: "this detector was not measured on single pictures",
}
_NOTES = {
    "fewer_frames_than_requested": "The video has fewer frames than were asked for; all were used.",
    "keyframes_only": "Some frames lie at the nearest keyframe instead of at the exact time.",
    "decoded_partially": "Parts of the file are damaged; what could be decoded was used.",
    "nearest_head": "There is no checkpoint for this number of frames; the nearest was used.",
}


def to_json(
    file: str,
    sha256: str | None,
    findings: Findings,
    *,
    origin: dict[str, Any] | None = None,
    provenance: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The line of JSON of one video or picture.

    Args:
        file: The path or link as it was given.
        origin: Where a link led, and what its host said.
        sha256: Of the file.
        provenance: What it says of where it comes from, as JSON; None if nobody looked.
        findings: What was found.
    """
    return {
        "file": file,
        "origin": origin,
        "kind": findings.video.kind.value,
        "sha256": sha256,
        "verdict": findings.verdict.value,
        "reason": findings.reason.value or None,
        "fake_probability": findings.fake_probability,
        "frames_requested": findings.frames_requested,
        "frames_analysed": findings.frames_analysed,
        "frames_with_faces": findings.frames_with_faces,
        "duration_s": findings.video.duration_s if findings.video.kind is Kind.VIDEO else None,
        "file_says": _file_says(findings.video),
        "provenance": provenance,
        "faces": [_face(face) for face in findings.faces],
        "detector": _detector(findings.detector),
        "seconds": _seconds(findings.seconds),
        "notes": list(findings.notes),
        "opinions": [_opinion(opinion) for opinion in findings.opinions],
        "error": None,
    }


def error_to_json(
    file: str, sha256: str | None, error: DetectionError, detector: DetectorInfo, frames_requested: int
) -> dict[str, Any]:
    """The line of JSON of a video that could not be analysed."""
    return {
        "file": file,
        "origin": None,
        "kind": None,
        "sha256": sha256,
        "verdict": Verdict.NOT_ANALYSABLE.value,
        "reason": error.code,
        "fake_probability": None,
        "frames_requested": frames_requested,
        "frames_analysed": 0,
        "frames_with_faces": 0,
        "duration_s": None,
        "file_says": {},
        "provenance": None,
        "faces": [],
        "detector": _detector(detector),
        "seconds": {"total": 0.0, "decode": 0.0, "faces": 0.0, "network": 0.0},
        "notes": [],
        "opinions": [],
        "error": {"code": error.code, "message": error.message},
    }


def _opinion(opinion: Opinion) -> dict[str, Any]:
    return {
        "detector": _detector(opinion.detector),
        "verdict": opinion.verdict.value,
        "reason": opinion.reason.value or None,
        "evidence": opinion.evidence.value,
        "fake_probability": opinion.fake_probability,
        "threshold": opinion.threshold,
        "uncertain_band": list(opinion.uncertain_band) if opinion.uncertain_band else None,
        "frames_analysed": opinion.frames_analysed,
        "faces": [judged_face_json(face) for face in opinion.faces],
        "notes": list(opinion.notes),
        "seconds": round(opinion.seconds, 3),
    }


def judged_face_json(face: FaceFinding) -> dict[str, Any]:
    """A person of an opinion, with the verdict on them."""
    return {
        **_face(face),
        "verdict": face.verdict.value,
        "reason": face.reason.value or None,
        "evidence": face.evidence.value,
    }


def _seconds(seconds: Seconds) -> dict[str, float]:
    return {
        "total": round(seconds.total, 3),
        "decode": round(seconds.decode, 3),
        "faces": round(seconds.faces, 3),
        "network": round(seconds.network, 3),
    }


def _file_says(video: VideoInfo) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for name, text in video.file_says:
        said.setdefault(name, []).append(text)
    return said


def _face(face: FaceFinding) -> dict[str, Any]:
    return {
        "id": face.id,
        "fake_probability": face.fake_probability,
        "frames": [
            {
                "time_s": round(frame.time_s, 6),
                "box": [frame.box.left, frame.box.top, frame.box.right, frame.box.bottom],
                "fake_probability": frame.fake_probability,
            }
            for frame in face.frames
        ],
    }


def _detector(info: DetectorInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "version": info.version,
        "architecture": info.architecture,
        "frame_count": info.frame_count,
        "sha256": info.sha256,
    }


def sentence(verdict: Verdict, reason: Reason, evidence: Evidence) -> str:
    """A verdict in words that claim no more than the evidence bears."""
    if verdict is Verdict.FAKE and evidence is Evidence.NONE:
        return "Suspicious, without evidence of manipulation"
    if verdict is Verdict.FAKE:
        return f"{_EVIDENCE[evidence].capitalize()} of manipulation"
    if verdict is Verdict.REAL and evidence is Evidence.NONE:
        return "Less suspicious than the threshold, without evidence that it is genuine"
    if verdict is Verdict.REAL:
        return f"No evidence of manipulation; {_EVIDENCE[evidence]} that it is genuine"
    kind = "Uncertain" if verdict is Verdict.UNCERTAIN else "Not analysable"
    return f"{kind}: {_REASONS[reason]}"


def to_text(file: str, findings: Findings) -> str:
    """A readable summary of a few lines."""
    video, detector = findings.video, findings.detector
    is_picture = video.kind is Kind.PICTURE
    lines = [file, f"  {_judged(findings.verdict, findings)}."]
    for face in findings.faces:
        lines.append(f"  Person {face.id} ({_seen(face, is_picture)}): {_judged(face.verdict, face)}.")
    lines += [f"  Note: {_note(code)}" for code in findings.notes]
    for opinion in findings.opinions:
        of = opinion.detector
        lines.append(f"  {of.name} {of.version} says: {_judged(opinion.verdict, opinion)}.")
        lines += [
            f"    Person {face.id}: {_judged(face.verdict, face)}."
            for face in opinion.faces
            if len(opinion.faces) > 1
        ]
    looks = f"{video.width}x{video.height}, {video.codec}"
    if is_picture:
        lines.append(f"  One picture, {looks}; it has no time line.")
        lines += [
            f"  The file says of itself: {name.replace('_', ' ')}: {text}" for name, text in video.file_says
        ]
    else:
        lines.append(
            f"  {_read(findings)} frames read, faces in {findings.frames_with_faces}; "
            f"{looks}, {video.duration_s:.1f} s"
        )
    lines.append(
        f"  {detector.name} {detector.version} ({detector.architecture}, {detector.frame_count} frames), "
        f"{findings.device}, {findings.seconds.total:.1f} s"
    )
    return "\n".join([*lines, f"  {CAVEAT}"])


def _read(findings: Findings) -> str:
    read, wanted = findings.frames_analysed, findings.frames_requested
    return f"{read} of {wanted}" if read <= wanted else f"{wanted} and {read - wanted} more"


def _seen(face: FaceFinding, is_picture: bool) -> str:
    box, first, last = face.frames[0].box, face.frames[0].time_s, face.frames[-1].time_s
    if is_picture:
        return f"at {box.left}, {box.top} to {box.right}, {box.bottom}"
    return f"{len(face.frames)} frames, {first:.1f} to {last:.1f} s"


def _note(code: str) -> str:
    name, _, number = code.partition(":")
    if name == "more_people":
        return f"{number} more people were seen than are followed; those seen most often were judged."
    if name == "looked_again":
        return f"Faces were seen in a part of the video only; {number} more frames were taken from there."
    if name == "turned":
        return f"The video was turned by {number} degrees clockwise, so that people stand upright."
    return _NOTES.get(code, code)


def _judged(verdict: Verdict, found: Findings | FaceFinding | Opinion) -> str:
    words = sentence(verdict, found.reason, found.evidence)
    if found.fake_probability is None:
        return words
    return f"{words} (probability of manipulation {found.fake_probability:.0%})"
