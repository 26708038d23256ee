"""Reports that leave the site, and the page that takes one and says whether it is unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from ml_app.errors import ServiceError
from ml_app.models import Batch, Scan
from ml_app.reports import sealing
from ml_app.reports.batch_report import batch_report_of, pdf_batch_report
from ml_app.reports.document import examine
from ml_app.reports.keys import signing_key
from ml_app.reports.pages import pdf_report
from ml_app.reports.scan_report import report_of
from ml_app.web.views.batches import batch_or_404
from ml_app.web.views.owners import scan_or_404

Row = TypeVar("Row", Scan, Batch)


KINDS = {"json": "application/json", "pdf": "application/pdf"}


@never_cache
@require_safe
def report(request: HttpRequest, scan_id: UUID, suffix: str) -> HttpResponse:
    """The sealed report of a scan as a file; its page with the reason where there is none."""
    row = scan_or_404(request, scan_id)
    return _file(request, row, pdf_report if suffix == "pdf" else report_of, suffix, "ml_app:scan")


@never_cache
@require_safe
def batch_report(request: HttpRequest, batch_id: UUID, suffix: str) -> HttpResponse:
    """The same of a batch."""
    row = batch_or_404(request, batch_id)
    return _file(
        request, row, pdf_batch_report if suffix == "pdf" else batch_report_of, suffix, "ml_app:batch"
    )


def _file(
    request: HttpRequest, row: Row, make: Callable[[Row], bytes], suffix: str, page: str
) -> HttpResponse:
    try:
        content = make(row)
    except ServiceError as error:
        messages.warning(request, str(error))
        return redirect(page, row.pk)
    response = HttpResponse(content, content_type=KINDS[suffix])
    response["Content-Disposition"] = f'attachment; filename="report-{row.pk}.{suffix}"'
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Take a report and say whether it is what was signed, and whose it is. Nothing of it is kept."""
    key = sealing.public_text(signing_key())
    context: dict[str, object] = {"key": key, "fingerprint": sealing.fingerprint(key)}
    if request.method != "POST":
        return render(request, "ml_app/verify_report.html", context)
    given = request.FILES.get("report")
    if not isinstance(given, UploadedFile):
        return render(request, "ml_app/verify_report.html", context | {"missing": True}, status=422)
    try:
        checked = examine(given.read(sealing.MOST_BYTES + 1))
    except sealing.NoReport as error:
        return render(request, "ml_app/verify_report.html", context | {"no_report": str(error)}, status=422)
    context |= {
        "checked": checked,
        "is_ours": checked.public_key == key,
        "their_fingerprint": sealing.fingerprint(checked.public_key),
        "made_at": parse_datetime(str(checked.report.get("made_at"))),
    }
    return render(request, "ml_app/verify_report.html", context)
