"""The newcomer's tour, and whether somebody wants to see it."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ml_app.web.own_address import own_address

COOKIE = "tour"
HIDDEN = "hidden"
REMEMBERED = 365 * 24 * 3600  # seconds


def is_wanted(request: HttpRequest) -> bool:
    """Whether they have not put it away in this browser."""
    return request.COOKIES.get(COOKIE) != HIDDEN


@never_cache
@require_safe
def choose(request: HttpRequest) -> HttpResponse:
    """Put the tour away, or with `show` bring it back; then go to the page `next`.

    A plain link and no form, as with the language: a form would need a token, and with it another cookie.
    """
    response = redirect(own_address(request) or "ml_app:upload")
    if "show" in request.GET:
        response.delete_cookie(COOKIE, samesite="Lax")
    else:
        response.set_cookie(
            COOKIE,
            HIDDEN,
            max_age=REMEMBERED,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response
