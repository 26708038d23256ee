"""The pages of a report as one file of HTML, from which the PDF is made: styles and pictures are in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.db.models import Prefetch
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from ml_app.models import Face, FaceFrame, Scan
from ml_app.reports import sealing
from ml_app.reports.document import pdf_of
from ml_app.reports.pictures import Shown, most_telling
from ml_app.reports.scan_report import report_of

FIRST_PERSONS, FIRST_FRAMES = 3, 3  # of the first two pages
MOST_PERSONS, MOST_FRAMES = 12, 8  # of the particulars; the signed JSON has all
STYLES = "css/report.css"


def pdf_report(scan: Scan) -> bytes:
    """The report of a finished scan as a sealed PDF, in the language that is active.

    Raises:
        ServiceError: "no_report", or that no PDF can be made (see `document.pdf_of`).
    """
    report = report_of(scan)
    return pdf_of(scan_page(scan, report), report)


def scan_page(scan: Scan, report: bytes) -> str:
    """The HTML of a scan's report.

    Args:
        scan: Finished, with its video.
        report: Its sealed JSON, which the pages are to say the same as.
    """
    frames = Prefetch("frames", FaceFrame.objects.order_by("time_s", "pk"))
    faces = list(scan.faces.prefetch_related(frames))
    shown = [(face, most_telling(face, MOST_FRAMES)) for face in _most_suspicious(faces)[:MOST_PERSONS]]
    context = {
        "scan": scan,
        "faces": faces,
        "first": [(face, pictures[:FIRST_FRAMES]) for face, pictures in shown[:FIRST_PERSONS]],
        "further": _further(shown),
        "left_out": max(0, len(faces) - MOST_PERSONS),
        "not_on_first": max(0, len(faces) - FIRST_PERSONS),
    }
    return rendered("ml_app/report/scan.html", report, context)


def rendered(template: str, report: bytes, context: dict[str, Any]) -> str:
    """One of the reports' templates, with what all of them show: the report, its signature, the styles."""
    whole = json.loads(report)
    common = {
        "report": whole["report"],
        "signature": whole["signature"],
        "fingerprint": sealing.fingerprint(whole["signature"]["public_key"]),
        "styles": mark_safe(_styles()),  # noqa: S308 - our own file
    }
    return render_to_string(template, common | context)


def _most_suspicious(faces: Sequence[Face]) -> list[Face]:
    """Those with the highest probability first; whoever could not be judged comes last."""
    return sorted(
        faces, key=lambda face: -1.0 if face.fake_probability is None else face.fake_probability, reverse=True
    )


def _further(shown: Sequence[tuple[Face, list[Shown]]]) -> list[tuple[Face, list[Shown]]]:
    """What the first pages had no room for."""
    found = [
        (face, pictures[FIRST_FRAMES:] if number < FIRST_PERSONS else pictures)
        for number, (face, pictures) in enumerate(shown)
    ]
    return [(face, pictures) for face, pictures in found if pictures]


def _styles() -> str:
    path = finders.find(STYLES)
    return Path(path).read_text(encoding="utf-8") if isinstance(path, str) else ""
