"""Scans as a table for other programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from ml_app.models import Scan

COLUMNS = (
    "scan",
    "file",
    "sha256",
    "status",
    "verdict",
    "evidence",
    "reason",
    "fake_probability",
    "threshold",
    "uncertain_low",
    "uncertain_high",
    "frames_requested",
    "frames_analysed",
    "frames_with_faces",
    "detector",
    "detector_version",
    "detector_sha256",
    "created_at",
    "finished_at",
    "seconds",
    "error",
    "review",
)


class _Echo:
    """A file for the CSV writer that hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(scans: Iterable[Scan]) -> Iterator[str]:
    """A header and a line for each scan, in CSV (RFC 4180), to be streamed.

    Args:
        scans: With their videos, and with `decision` as `listings.with_extras` adds it.
    """
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for scan in scans:
        yield writer.writerow([_harmless(value) for value in _row(scan)])


def _row(scan: Scan) -> tuple[object, ...]:
    return (
        scan.pk,
        scan.video.original_name,
        scan.video.sha256,
        scan.status,
        scan.verdict,
        scan.evidence,
        scan.reason,
        scan.fake_probability,
        scan.threshold,
        scan.uncertain_low,
        scan.uncertain_high,
        scan.frame_count,
        scan.frames_analysed,
        scan.frames_with_faces,
        scan.detector_name,
        scan.detector_version,
        scan.detector_sha256,
        scan.created_at.isoformat(),
        scan.finished_at.isoformat() if scan.finished_at else None,
        scan.seconds.get("total"),
        scan.error_code,
        getattr(scan, "decision", None),
    )


def _harmless(value: object) -> object:
    """A spreadsheet takes a text that begins like this for a formula, and file names come from strangers."""
    text = value if isinstance(value, str) else ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else value
