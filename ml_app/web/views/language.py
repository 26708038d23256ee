"""The language of the pages, for those who want another one than their browser asks for."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ml_app.web.own_address import own_address


@never_cache
@require_safe
def choose(request: HttpRequest) -> HttpResponse:
    """Remember `to` in a cookie and go back to the page `next`.

    A plain link and no form: a form would need a token, and with it a cookie for everybody who only reads.
    """
    code = request.GET.get("to", "")
    response = redirect(own_address(request) or "ml_app:upload")
    if code in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            code,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response
