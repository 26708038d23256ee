"""Error pages that have something to decide. Django finds the templates of the others by their names."""

from __future__ import annotations

import sys

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt

from ml_app.services.health import database_is_full

RETRY_SECONDS = 30


@csrf_exempt
def too_large(request: HttpRequest) -> HttpResponse:
    """What nginx shows where it stops an upload itself: `error_page 413 /too-large/;`."""
    return render(request, "413.html", {"max_mb": settings.MAX_UPLOAD_MB}, status=413)


def server_error(request: HttpRequest) -> HttpResponse:
    """What Django shows for an exception that nobody caught. A database that fails is told apart.

    507 where its disk is full, 503 where it does not answer; either way nothing of the request was done.
    """
    error = sys.exception()
    if not isinstance(error, OperationalError | InterfaceError):
        return HttpResponse(render_to_string("500.html"), status=500)
    full = database_is_full(error)
    is_part = "HX-Request" in request.headers
    # Without the request: whoever asks would be looked up in the database.
    page = render_to_string("ml_app/_database_errors.html" if is_part else "503.html", {"disk_is_full": full})
    response = HttpResponse(page, status=507 if full else 503, headers={"Retry-After": str(RETRY_SECONDS)})
    if is_part and request.method == "GET":
        response["HX-Reswap"] = "none"  # what polls goes on
    return response
