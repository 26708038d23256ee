"""The audit log, for staff: searched, read, and taken along."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ml_app import audit
from ml_app.audit import Action, ObjectKind, Subject
from ml_app.audit.reading import csv_lines, may_read
from ml_app.models import AuditEntry
from ml_app.web.audit_filter import AuditFilter
from ml_app.web.views.owners import user_of

PAGE_SIZE = 50
LONGEST_NUMBER = 18  # digits


@never_cache
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The newest entries, or those before a number; of them those asked for."""
    _reader_or_404(request)
    form = AuditFilter(request.GET)
    found = AuditEntry.objects.matching(**form.chosen())
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) <= LONGEST_NUMBER:
        found = found.filter(number__lt=int(before))
    entries = list(found[: PAGE_SIZE + 1])  # one more, to know whether there are older ones
    older = entries[PAGE_SIZE - 1].number if len(entries) > PAGE_SIZE else None
    asked = request.GET.copy()
    asked.pop("before", None)
    context = {
        "entries": entries[:PAGE_SIZE],
        "form": form,
        "is_filtered": bool(form.chosen() or form.errors),
        "older": older,
        "is_newest": not before,
        "asked": asked.urlencode(),
    }
    return render(request, "ml_app/audit/log.html", context)


@never_cache
@require_safe
def table(request: HttpRequest) -> HttpResponseBase:
    """What was asked for as CSV, the oldest first. That it was taken along is an entry itself."""
    _reader_or_404(request)
    chosen = AuditFilter(request.GET).chosen()
    asked = {name: str(value) for name, value in chosen.items()}
    audit.record(Action.EXPORTED, Subject(ObjectKind.AUDIT), filters=asked)
    found = AuditEntry.objects.matching(**chosen).order_by("number")
    response = StreamingHttpResponse(
        csv_lines(found.iterator(chunk_size=500)), content_type="text/csv; charset=utf-8"
    )
    name = f"audit-{timezone.now():%Y%m%d-%H%M%S}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _reader_or_404(request: HttpRequest) -> None:
    if not may_read(user_of(request)):
        raise Http404("no such page")
