"""Reports that leave the site, and the page that takes one and says whether it is unchanged."""

from __future__ import annotations

from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from ml_app.errors import ServiceError
from ml_app.reports import sealing
from ml_app.reports.scan_report import report_of, signing_key
from ml_app.web.views.owners import scan_or_404


@never_cache
@require_safe
def report(request: HttpRequest, scan_id: UUID) -> HttpResponse:
    """The sealed report of a scan as a file; its page where there is none yet."""
    row = scan_or_404(request, scan_id)
    try:
        content = report_of(row)
    except ServiceError:
        return redirect("ml_app:scan", row.pk)
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="report-{row.pk}.json"'
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
        checked = sealing.check(given.read(sealing.MOST_BYTES + 1))
    except sealing.NoReport as error:
        return render(request, "ml_app/verify_report.html", context | {"no_report": str(error)}, status=422)
    context |= {
        "checked": checked,
        "is_ours": checked.public_key == key,
        "their_fingerprint": sealing.fingerprint(checked.public_key),
        "made_at": parse_datetime(str(checked.report.get("made_at"))),
    }
    return render(request, "ml_app/verify_report.html", context)
