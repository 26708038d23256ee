"""A number for each request, in its answer, in the log, and with the scan that it orders."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from deepfake_site.logs import about_request

HEADER = "X-Request-ID"
_HARMLESS = re.compile(r"[A-Za-z0-9._-]{8,64}")


def id_of(request: HttpRequest) -> str:
    """What a trusted proxy calls the request, or a new number: anybody else could forge lines of the log."""
    given = request.headers.get(HEADER, "") if settings.BEHIND_PROXY else ""
    return given if _HARMLESS.fullmatch(given) else secrets.token_hex(16)


class RequestIdMiddleware:
    """Gives each request its number, from before the other middleware to after it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        number = id_of(request)
        with about_request(number):
            response = self._get_response(request)
        response[HEADER] = number
        return response
