"""Reports: a scan or a batch as a sealed file that travels."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from ml_app.api.authentication import scan_for
from ml_app.api.base import ApiView
from ml_app.api.batches import batch_for
from ml_app.api.documenting import CHANGING
from ml_app.reports.batch_report import batch_report_of, pdf_batch_report
from ml_app.reports.pages import pdf_report
from ml_app.reports.scan_report import report_of
from ml_app.services.access import Act

FORMATS = ("json", "pdf")
FORMAT = OpenApiParameter(
    "format",
    enum=FORMATS,
    description="`pdf`: pages for people (PDF/A-3a), with the signed JSON attached. By default JSON.",
)
ANSWERS = {(200, "application/json"): dict, (200, "application/pdf"): bytes, **CHANGING}


class Report(ApiView):
    """A scan as a file that travels."""

    @extend_schema(operation_id="get_report", parameters=[FORMAT], responses=ANSWERS)
    def get(self, request: Request, scan_id: UUID) -> HttpResponse:
        """The sealed report of a finished scan: `report` and its `signature` (docs/reports.md)."""
        scan, wanted = scan_for(request, Act.SEE, scan_id), _format(request)
        return _answer(wanted, pdf_report(scan) if wanted == "pdf" else report_of(scan))


class BatchReport(ApiView):
    """The same of a batch."""

    @extend_schema(operation_id="get_batch_report", parameters=[FORMAT], responses=ANSWERS)
    def get(self, request: Request, batch_id: UUID) -> HttpResponse:
        """The sealed report of a batch whose files have all ended: a row for each file, one signature."""
        batch, wanted = batch_for(request, Act.SEE, batch_id), _format(request)
        return _answer(wanted, pdf_batch_report(batch) if wanted == "pdf" else batch_report_of(batch))


def _format(request: Request) -> str:
    wanted: str = request.query_params.get("format", "json")
    if wanted not in FORMATS:
        raise ValidationError({"format": [_("It can be json or pdf.")]})
    return wanted


def _answer(wanted: str, content: bytes) -> HttpResponse:
    return HttpResponse(content, content_type=f"application/{wanted}")
