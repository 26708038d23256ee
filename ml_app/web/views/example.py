"""The example: a finding to look at before anything is uploaded."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ml_app import services
from ml_app.errors import ServiceError


@never_cache
@require_safe
def example(request: HttpRequest) -> HttpResponse:
    """Lead to its scan. Whoever comes first sees how it is analysed, all others what was found."""
    try:
        scan = services.example_scan()
    except ServiceError as error:
        messages.error(request, str(error))
        return redirect("ml_app:upload")
    return redirect("ml_app:scan", scan.pk)
