"""One's own account, and the very first one."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from ml_app.accounts import first as first_start


@never_cache
@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """What the site knows of an account, and the way to its settings."""
    context = {"has_second_factor": is_mfa_enabled(request.user)}
    return render(request, "ml_app/accounts/account.html", context)


@never_cache
@sensitive_post_parameters("password1", "password2", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def first(request: HttpRequest) -> HttpResponse:
    """Make the first administrator. The page exists no longer once there is one."""
    if not first_start.is_needed():
        raise Http404("there is an administrator")
    form = first_start.FirstAdministratorForm(
        request.POST or None, initial={"code": request.GET.get("code", "")}
    )
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        context = {"form": form, "command": "manage.py first_start"}
        return render(request, "ml_app/accounts/first.html", context, status=status)
    user = form.make()
    if user is None:
        raise Http404("somebody else was faster")
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[-1])
    messages.success(request, _("You are the administrator. A second factor is a good next step."))
    return redirect("ml_app:account")
