"""Who has to sign in, or to add a second factor, before a page answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# What tells nothing of anybody: for everybody, whatever the settings
OPEN = frozenset(
    f"ml_app:{name}"
    for name in (
        "about",
        "models",
        "language",
        "too_large",
        "manifest",
        "service_worker",
        "offline",
        "stop_mail",  # its link is signed, and turns e-mails off
        "verify_report",  # a court that was given one checks it; only what was given is told
        "invitation",
    )
)


def lacks_second_factor(user: User | AnonymousUser) -> bool:
    """Whether somebody sees everybody's scans, and has to protect that by a second factor first."""
    return settings.STAFF_MFA_REQUIRED and bool(user.is_staff) and not is_mfa_enabled(user)


class DoorMiddleware:
    """Sends whoever may not go on to where they can change that. The API has the same rules of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """What is answered instead of the page; None where it answers itself."""
        match = request.resolver_match
        if match is None or match.view_name in OPEN or match.route.startswith("accounts/"):
            return None
        if match.namespace in ("api", "admin") and not request.user.is_authenticated:
            return None  # they ask themselves
        if not request.user.is_authenticated:
            return None if settings.ANONYMOUS_USE else redirect_to_login(request.get_full_path())
        if match.namespace != "api" and lacks_second_factor(request.user):
            messages.warning(request, _("Add a second factor first: this site asks it of its staff."))
            return redirect("mfa_index")
        return None
