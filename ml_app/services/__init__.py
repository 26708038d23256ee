"""Verbs that touch several rows, files or the queue. Views, commands and tasks call these.

Everything is keyword-only. `owner` is "user:<pk>" or "visitor:<token>". What goes wrong for a reason that a
person should hear is a `ServiceError` with a stable code and a sentence.
"""

from ml_app.errors import ServiceError, scan_errors
from ml_app.services.detectors import DetectorState, asked_as_well, detector_state, installed_detectors
from ml_app.services.health import Readiness, readiness
from ml_app.services.intake.claiming import claim_videos
from ml_app.services.intake.example import example_scan
from ml_app.services.intake.videos import (
    delete_scan,
    delete_video,
    limits,
    purge_media,
    receive_video,
    save_analysis,
)
from ml_app.services.metrics import metrics_text
from ml_app.services.pruning import prune_findings, prune_media
from ml_app.services.reviews.reviewing import record_review
from ml_app.services.scanning.provenance import provenance_of
from ml_app.services.scanning.queueing import QueueState, queue_for, queue_state, refuse_if_full
from ml_app.services.scanning.results import save_findings
from ml_app.services.scanning.scans import ANALYSE, cancel_scan, enqueue, request_scan

__all__ = [
    "ANALYSE",
    "DetectorState",
    "QueueState",
    "Readiness",
    "ServiceError",
    "asked_as_well",
    "cancel_scan",
    "claim_videos",
    "delete_scan",
    "delete_video",
    "detector_state",
    "enqueue",
    "example_scan",
    "installed_detectors",
    "limits",
    "metrics_text",
    "provenance_of",
    "prune_findings",
    "prune_media",
    "purge_media",
    "queue_for",
    "queue_state",
    "readiness",
    "receive_video",
    "record_review",
    "refuse_if_full",
    "request_scan",
    "save_analysis",
    "save_findings",
    "scan_errors",
]
