"""Error pages that a server in front asks for. Django finds the templates of the others by their names."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def too_large(request: HttpRequest) -> HttpResponse:
    """What nginx shows where it stops an upload itself: `error_page 413 /too-large/;`."""
    return render(request, "413.html", {"max_mb": settings.MAX_UPLOAD_MB}, status=413)
