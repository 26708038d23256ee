"""The report of a batch: what became of every file, under one signature. Frames stand in each scan's own."""

from __future__ import annotations

from typing import Any

from django.utils import timezone, translation

from ml_app import audit
from ml_app.audit import Action
from ml_app.batches import results
from ml_app.errors import refuse
from ml_app.models import Batch, BatchItem, Scan
from ml_app.reports import sealing
from ml_app.reports.document import pdf_of
from ml_app.reports.keys import signing_key
from ml_app.reports.pages import rendered
from ml_app.reports.scan_report import LIMITS, asked_by, iso, reviews_of, scan_facts, software

MOST_ROWS = 300  # of the PDF; the signed JSON has all


def batch_report_of(batch: Batch) -> bytes:
    """The sealed report of a batch of which every file has ended, UTF-8 JSON.

    Raises:
        ServiceError: "batch_not_over".
    """
    content = sealing.sealed(_contents(batch), signing_key())
    audit.record(Action.REPORTED, batch)
    return content


def pdf_batch_report(batch: Batch) -> bytes:
    """The same as a sealed PDF, in the language that is active.

    Raises:
        ServiceError: "batch_not_over", or that no PDF can be made (see `document.pdf_of`).
    """
    report = batch_report_of(batch)
    return pdf_of(batch_page(batch, report), report)


def batch_page(batch: Batch, report: bytes) -> str:
    """The HTML of a batch's report, the most suspicious files first.

    Args:
        report: Its sealed JSON, which the pages are to say the same as.
    """
    rows = [results.row(item) for item in results.items(batch)]
    rows.sort(
        key=lambda row: -1.0 if row["fake_probability"] is None else row["fake_probability"], reverse=True
    )
    context = {
        "batch": batch,
        "counts": results.counts(batch),
        "rows": rows[:MOST_ROWS],
        "left_out": max(0, len(rows) - MOST_ROWS),
    }
    return rendered("ml_app/report/batch.html", report, context)


def _contents(batch: Batch) -> dict[str, Any]:
    counts = results.counts(batch)
    if not counts.is_over:
        raise refuse("batch_not_over")
    items = results.items(batch).prefetch_related("scan__faces", "scan__reviews__reviewer")
    with translation.override("en"):  # what is signed does not depend on who reads
        files = [_file(item) for item in items]
    return {
        "format": sealing.BATCH_FORMAT,
        "version": sealing.VERSION,
        "made_at": iso(timezone.now()),
        "software": software(),
        "batch": {
            "id": str(batch.pk),
            "name": batch.name,
            "ordered_at": iso(batch.created_at),
            "cancelled_at": iso(batch.cancelled_at),
            "frames": batch.frame_count,
            "detector": batch.detector_name,
        },
        "asked_by": asked_by(batch.owner),
        "counts": {"files": counts.total, "states": counts.states, "verdicts": counts.verdicts},
        "files": files,
        "limits": list(LIMITS),
    }


def _file(item: BatchItem) -> dict[str, Any]:
    told = results.row(item)
    scan = item.scan
    return told | {"scan": _scan(scan) if scan else None}


def _scan(scan: Scan) -> dict[str, Any]:
    return scan_facts(scan) | {
        "threshold": scan.threshold,
        "uncertain_band": [scan.uncertain_low, scan.uncertain_high]
        if scan.uncertain_low is not None
        else None,
        "persons": [
            {"id": face.number, "verdict": face.verdict, "fake_probability": face.fake_probability}
            for face in scan.faces.all()
        ],
        "reviews": reviews_of(scan),
    }
