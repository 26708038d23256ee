"""Which detectors are installed, and what their checkpoints say of themselves."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ml_app.services.detectors import installed_files
from ml_app.web.detector_details import detector_details


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """The page; the detector in use comes first. What it tells of the files is kept until they change."""
    context = {"detectors": detector_details, "files": installed_files()}
    return render(request, "ml_app/models.html", context)
