"""One's own account, and the very first one."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """What the site knows of an account, and the way to its settings."""
    context = {"has_second_factor": is_mfa_enabled(request.user)}
    return render(request, "ml_app/accounts/account.html", context)
