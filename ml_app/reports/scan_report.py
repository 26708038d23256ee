"""The report of a scan: everything that was found and how, to be read and checked outside the site."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.translation import gettext_noop as N_  # noqa: N812 - the gatherer of texts knows this name

from ml_app import __version__, audit
from ml_app.audit import Action
from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import head_by_sha256
from ml_app.detection.checkpoints.metadata import HeadMetadata
from ml_app.detection.errors import CheckpointError
from ml_app.errors import refuse
from ml_app.models import Scan
from ml_app.reports import sealing
from ml_app.reports.keys import signing_key
from ml_app.reports.pictures import picture_hashes
from ml_app.services.scanning.recorded import findings_json, recorded_findings

# English in the JSON, for it is signed; pages show them in the reader's language.
LIMITS = (
    N_("Only faces in the sampled frames were judged; sound, text and backgrounds were not."),
    N_("Error rates were measured on the clips named with them; on other footage they may be worse."),
    N_("A score is one piece of evidence among others, and no proof."),
    N_("Finding nothing does not prove that a video or a picture is genuine."),
)


def report_of(scan: Scan) -> bytes:
    """The sealed report of a finished scan, UTF-8 JSON.

    Raises:
        ServiceError: "no_report": there is nothing to report yet, or no longer.
    """
    content = sealing.sealed(contents_of(scan), signing_key())
    audit.record(Action.REPORTED, scan)
    return content


def contents_of(scan: Scan) -> dict[str, Any]:
    """What the report of a finished scan says, before it is sealed.

    Raises:
        ServiceError: "no_report".
    """
    findings = findings_json(scan)
    if findings is None:
        raise refuse("no_report")
    video, now = scan.video, timezone.now()
    return {
        "format": sealing.FORMAT,
        "version": sealing.VERSION,
        "made_at": iso(now),
        "software": software(),
        "scan": scan_facts(scan),
        "asked_by": asked_by(scan.owner),
        "file": {"name": video.original_name, "bytes": video.size, "sha256": video.sha256},
        "container": {
            "kind": video.kind,
            "format": video.container,
            "codec": video.codec,
            "width": video.width,
            "height": video.height,
            "frames_per_second": video.frame_rate,
            "duration_s": video.duration_s,
        },
        "findings": findings,
        "judged": _judged(scan),
        "pictures": picture_hashes(scan),
        "measured": _measured(scan),
        "reviews": reviews_of(scan),
        "other_scans": [scan_facts(other) | _outcome(other) for other in _others(scan)],
        "steps": [{"step": step, "at": iso(at)} for step, at in _steps(scan, now)],
        "limits": list(LIMITS),
    }


def software() -> dict[str, str]:
    """What made the report."""
    return {"name": "deepfake-site", "version": __version__}


def scan_facts(scan: Scan) -> dict[str, Any]:
    """Number, times and detector of a scan."""
    return {
        "id": str(scan.pk),
        "ordered_at": iso(scan.created_at),
        "started_at": iso(scan.started_at),
        "finished_at": iso(scan.finished_at),
        "frames": scan.frame_count,
        "attempts": scan.attempts,
        "detector": scan.detector_name,
        "detector_version": scan.detector_version,
        "checkpoint_sha256": scan.detector_sha256,
    }


def asked_by(owner: str) -> dict[str, str | None]:
    """Whoever ordered it: an account by name, or a visitor, of whom nothing is known."""
    kind, _colon, key = owner.partition(":")
    if kind != "user" or not key.isdecimal():
        return {"kind": "visitor", "name": None}
    user = get_user_model().objects.filter(pk=int(key)).first()
    return {"kind": "account", "name": str(user) if user else None}


def reviews_of(scan: Scan) -> list[dict[str, Any]]:
    """What people decided, in order."""
    rows = sorted(scan.reviews.all(), key=lambda row: (row.created_at, row.pk))  # a batch has them prefetched
    return [
        {"decision": row.decision, "note": row.note, "by": str(row.reviewer), "at": iso(row.created_at)}
        for row in rows
    ]


def _judged(scan: Scan) -> dict[str, Any]:
    """By which rule the probabilities became verdicts, and each person's."""
    found = recorded_findings(scan)
    return {
        "evidence": scan.evidence,
        "threshold": scan.threshold,
        "uncertain_band": list(found.uncertain_band) if found.uncertain_band else None,
        "device": scan.device,
        "persons": [
            {
                "id": face.id,
                "verdict": face.verdict.value,
                "reason": face.reason.value or None,
                "evidence": face.evidence.value,
            }
            for face in found.faces
        ],
    }


def _steps(scan: Scan, now: datetime) -> Iterator[tuple[str, datetime]]:
    """What happened to the file and the scan, in order of time, as far as rows tell."""
    found: list[tuple[str, datetime | None]] = [
        *(("fetched", origin.fetched_at) for origin in scan.video.origins.all()),
        ("received", scan.video.uploaded_at),
        ("ordered", scan.created_at),
        ("started", scan.started_at),
        ("finished", scan.finished_at),
        *(("reviewed", review.created_at) for review in scan.reviews.all()),
        ("reported", now),
    ]
    told = [(step, at) for step, at in found if at is not None]
    yield from sorted(told, key=lambda pair: pair[1])


def _outcome(scan: Scan) -> dict[str, Any]:
    return {"verdict": scan.verdict, "fake_probability": scan.fake_probability}


def _others(scan: Scan) -> list[Scan]:
    """What the same person's scans of the very same file found, before and after."""
    found = Scan.objects.filter(video=scan.video_id, status=Scan.Status.DONE).exclude(pk=scan.pk)
    return list(found.order_by("created_at", "pk")[:100])


def _measured(scan: Scan) -> dict[str, Any]:
    """The error rates that the checkpoint itself tells, for this kind of input; empty if it is gone."""
    found = head_by_sha256(Path(settings.MODELS_DIR), scan.detector_sha256)
    try:
        head = read_metadata(found[2].path, HeadMetadata) if found else None
    except CheckpointError:
        head = None
    if head is None:
        return {}
    if scan.video.is_picture and head.pictures is not None:
        return {"on": head.pictures.calibration.fitted_on, "figures": head.pictures.metrics}
    return {"on": head.calibration.fitted_on, "figures": head.metrics}


def iso(moment: datetime | None) -> str | None:
    """A moment in ISO 8601, to the second."""
    return moment.isoformat(timespec="seconds") if moment else None
