"""The members of a team: invite somebody, change a role, take somebody out, leave."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from ml_app.accounts import invitations
from ml_app.errors import ServiceError
from ml_app.models import Invitation, Membership
from ml_app.services.access import Act
from ml_app.services.tokens import revoke_token
from ml_app.teams import members
from ml_app.web.team_forms import MemberForm, TeamInvitationForm
from ml_app.web.views.owners import user_of
from ml_app.web.views.teams import team_or_404, team_page


@never_cache
@require_POST
def invite(request: HttpRequest, team_id: int) -> HttpResponse:
    """Invite somebody into a team. The link is shown once, and sent."""
    row = team_or_404(request, team_id, Act.MANAGE)
    form = TeamInvitationForm(request.POST)
    if not form.is_valid():
        return team_page(request, row, form, status=422)
    chosen = form.cleaned_data
    made, secret = invitations.invite(
        email=chosen["email"], by=user_of(request), team=row, role=chosen["role"]
    )
    link = request.build_absolute_uri(reverse("ml_app:invitation", args=[secret]))
    sent = invitations.send(invitation=made, link=link)
    return team_page(request, row, TeamInvitationForm(), made=made, link=link, sent=sent)


@require_POST
def withdraw(request: HttpRequest, team_id: int, invitation_id: int) -> HttpResponse:
    """Nobody comes in by this invitation any more."""
    row = team_or_404(request, team_id, Act.MANAGE)
    if Invitation.objects.filter(team=row).withdraw(invitation_id):
        messages.success(request, _("The invitation was withdrawn."))
    return redirect("ml_app:team", row.pk)


@require_POST
def change(request: HttpRequest, team_id: int, member_id: int) -> HttpResponse:
    """Give a member another role."""
    membership = _member_or_404(request, team_id, member_id)
    form = MemberForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose one of the offered roles."))
        return redirect("ml_app:team", team_id)
    try:
        members.change_role(membership=membership, role=form.cleaned_data["role"])
    except ServiceError as error:
        messages.error(request, str(error))
    else:
        said = {"name": membership.user, "role": membership.get_role_display()}
        messages.success(request, _("%(name)s is now: %(role)s.") % said)
    return redirect("ml_app:team", team_id)


@require_POST
def remove(request: HttpRequest, team_id: int, member_id: int) -> HttpResponse:
    """Take somebody out of a team."""
    membership = _member_or_404(request, team_id, member_id)
    try:
        members.remove(membership=membership)
    except ServiceError as error:
        messages.error(request, str(error))
    else:
        text = _("%(name)s belongs to the team no longer. What they gave to it stays.")
        messages.success(request, text % {"name": membership.user})
    return redirect("ml_app:team", team_id)


@require_POST
def revoke(request: HttpRequest, team_id: int, token_id: int) -> HttpResponse:
    """Make a member's token worthless: with it, a program sees what the team has."""
    row = team_or_404(request, team_id, Act.MANAGE)
    token = get_object_or_404(members.tokens_of(row), pk=token_id)
    revoke_token(token=token)
    said = {"prefix": token.prefix}
    messages.success(request, _("The token %(prefix)s… opens nothing any more.") % said)
    return redirect("ml_app:team", row.pk)


@require_POST
def leave(request: HttpRequest, team_id: int) -> HttpResponse:
    """Leave a team."""
    row = team_or_404(request, team_id)
    membership = Membership.objects.filter(team=row, user=user_of(request)).first()
    if membership is None:
        raise Http404("not a member")
    try:
        members.remove(membership=membership)
    except ServiceError as error:
        messages.error(request, str(error))
        return redirect("ml_app:team", row.pk)
    messages.success(
        request, _("You left the team “%(team)s”. What you gave to it stays there.") % {"team": row}
    )
    return redirect("ml_app:teams")


def _member_or_404(request: HttpRequest, team_id: int, member_id: int) -> Membership:
    row = team_or_404(request, team_id, Act.MANAGE)
    found = Membership.objects.select_related("user", "team").filter(team=row, pk=member_id).first()
    if found is None:
        raise Http404("no such member")
    return found
