"""Which detectors are installed, and what their checkpoints say of themselves."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ml_app.cards import detector_cards


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """The page; the detector in use comes first."""
    return render(request, "ml_app/models.html", {"cards": detector_cards()})
