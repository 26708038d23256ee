"""What a deepfake is, what the score means, and what the tool cannot see."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ml_app import services
from ml_app.reports import sealing
from ml_app.reports.keys import signing_key
from ml_app.web.detector_figures import detector_figures


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """The page, with the measured figures of the detector in use where its checkpoints hold some."""
    state = services.detector_state()
    key = sealing.fingerprint(sealing.public_text(signing_key()))
    context = {"detector": state, "figures": detector_figures(name=state.name), "report_key": key}
    return render(request, "ml_app/about.html", context)
