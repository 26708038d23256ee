"""Invitations: staff make them, and whoever was sent one comes in by it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from ml_app.accounts import invitations
from ml_app.accounts.forms import InvitationForm
from ml_app.models import Invitation
from ml_app.services import access
from ml_app.services.access import Act
from ml_app.web.views.owners import actor_of, user_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SHOWN = 50  # of the newest


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """The newest invitations, and a form for another. Its link is shown once, and sent."""
    _staff_or_404(request)
    form = InvitationForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, form, status=422 if request.method == "POST" else 200)
    row, secret = invitations.invite(email=form.cleaned_data["email"], by=user_of(request))
    link = request.build_absolute_uri(reverse("ml_app:invitation", args=[secret]))
    sent = invitations.send(invitation=row, link=link)
    return _page(request, InvitationForm(), made=row, link=link, sent=sent)


@require_POST
def withdraw(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Nobody comes in by this invitation any more."""
    _staff_or_404(request)
    if invitations.withdraw(invitation_id=invitation_id):
        messages.success(request, _("The invitation was withdrawn."))
    return redirect("ml_app:invitations")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, secret: str) -> HttpResponse:
    """Remember the invitation in this browser, and go on to the form that makes an account.

    Whoever is signed in is asked to join its team instead; whoever has an account is asked to sign in first.
    """
    row, user = invitations.find(secret), user_of(request)
    if row is None:
        return render(request, "ml_app/accounts/invitation_used.html", status=404)
    if row.team and user:
        return _join(request, row, user)
    if request.method == "POST":
        return redirect("ml_app:invitation", secret)
    if row.team and get_user_model().objects.filter(email__iexact=row.email).exists():
        return redirect_to_login(request.path)
    request.session[invitations.SESSION_KEY] = row.pk
    return redirect(f"{reverse('account_signup')}?{urlencode({'email': row.email})}")


def _join(request: HttpRequest, row: Invitation, user: User) -> HttpResponse:
    if request.method != "POST":
        return render(request, "ml_app/teams/join.html", {"invitation": row})
    if not invitations.accept_into_team(invitation=row, user=user) or row.team is None:
        return render(request, "ml_app/accounts/invitation_used.html", status=404)
    messages.success(request, _("You belong to the team “%(team)s” now.") % {"team": row.team})
    return redirect("ml_app:team", row.team.pk)


def _page(request: HttpRequest, form: InvitationForm, status: int = 200, **made: object) -> HttpResponse:
    rows = Invitation.objects.select_related("invited_by", "team")[:SHOWN]
    return render(
        request, "ml_app/accounts/invitations.html", {"form": form, "rows": rows, **made}, status=status
    )


def _staff_or_404(request: HttpRequest) -> None:
    if not access.may(actor_of(request), Act.INVITE, None):
        raise Http404("no such page")
