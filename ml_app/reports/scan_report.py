"""The report of a scan: everything that was found and how, to be read and checked outside the site."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.utils import timezone

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import head_by_sha256
from ml_app.detection.checkpoints.metadata import HeadMetadata
from ml_app.detection.errors import CheckpointError
from ml_app.detection.summary import CAVEAT
from ml_app.errors import refuse
from ml_app.models import Scan
from ml_app.reports import sealing
from ml_app.services.recorded import findings_json

LIMITS = (
    "Only faces in the sampled frames were judged; sound, text and backgrounds were not.",
    "Error rates were measured on the clips named with them; on other footage they may be worse.",
    "A score is one piece of evidence among others, and no proof.",
    CAVEAT,
)


def signing_key() -> Ed25519PrivateKey:
    """The site's key: of REPORT_KEY where that is set, else it follows from SECRET_KEY."""
    return sealing.key_from(settings.REPORT_KEY or settings.SECRET_KEY)


def report_of(scan: Scan) -> bytes:
    """The sealed report of a finished scan, UTF-8 JSON.

    Raises:
        ServiceError: "no_report": there is nothing to report yet, or no longer.
    """
    findings = findings_json(scan)
    if findings is None:
        raise refuse("no_report")
    report = {
        "format": sealing.FORMAT,
        "version": sealing.VERSION,
        "made_at": _iso(timezone.now()),
        "scan": _scan(scan),
        "file": {"name": scan.video.original_name, "bytes": scan.video.size, "sha256": scan.video.sha256},
        "findings": findings,
        "measured": _measured(scan.detector_sha256),
        "reviews": [
            {
                "decision": review.decision,
                "note": review.note,
                "by": str(review.reviewer),
                "at": _iso(review.created_at),
            }
            for review in scan.reviews.select_related("reviewer").order_by("created_at", "pk")
        ],
        "other_scans": [_scan(other) | _outcome(other) for other in _others(scan)],
        "limits": list(LIMITS),
    }
    return sealing.sealed(report, signing_key())


def _scan(scan: Scan) -> dict[str, Any]:
    return {
        "id": str(scan.pk),
        "ordered_at": _iso(scan.created_at),
        "started_at": _iso(scan.started_at),
        "finished_at": _iso(scan.finished_at),
        "frames": scan.frame_count,
        "attempts": scan.attempts,
        "detector": scan.detector_name,
        "detector_version": scan.detector_version,
        "checkpoint_sha256": scan.detector_sha256,
    }


def _outcome(scan: Scan) -> dict[str, Any]:
    return {"verdict": scan.verdict, "fake_probability": scan.fake_probability}


def _others(scan: Scan) -> list[Scan]:
    """What the same person's scans of the very same file found, before and after."""
    found = Scan.objects.filter(video=scan.video_id, status=Scan.Status.DONE).exclude(pk=scan.pk)
    return list(found.order_by("created_at", "pk")[:100])


def _measured(sha256: str) -> dict[str, Any]:
    """The error rates that the checkpoint itself tells; empty where it is no longer installed."""
    found = head_by_sha256(Path(settings.MODELS_DIR), sha256)
    try:
        head = read_metadata(found[2].path, HeadMetadata) if found else None
    except CheckpointError:
        head = None
    return {"on": head.calibration.fitted_on, "figures": head.metrics} if head else {}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
