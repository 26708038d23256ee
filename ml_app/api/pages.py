"""What people read of the API: its schema, a page to try it, and their tokens."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe
from drf_spectacular.views import SpectacularAPIView

from ml_app.models import ApiToken
from ml_app.services.tokens import revoke_token

schema = SpectacularAPIView.as_view()


def without_slashes(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """A hook of the schema: each address once, and not itself."""
    return [found for found in endpoints if not found[0].endswith("/")]


@require_safe
@ensure_csrf_cookie
def docs(request: HttpRequest) -> HttpResponse:
    """The schema to read and to try. Everything on the page comes from this site."""
    return render(request, "ml_app/api/docs.html")


@never_cache
@require_safe
@login_required
def tokens(request: HttpRequest) -> HttpResponse:
    """One's own tokens."""
    mine = ApiToken.objects.filter(user=cast(User, request.user))
    command = f"manage.py create_token {request.user.get_username()} --scope write --name …"
    return render(request, "ml_app/api/tokens.html", {"tokens": mine, "command": command})


@require_POST
@login_required
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Make one of one's own tokens worthless. Others' tokens do not exist."""
    token = get_object_or_404(ApiToken, pk=token_id, user=cast(User, request.user))
    revoke_token(token=token)
    messages.success(request, _("The token %(prefix)s… opens nothing any more.") % {"prefix": token.prefix})
    return redirect("api:tokens")
