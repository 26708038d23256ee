"""Teams: the list of one's own, the page of each, and its settings."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from ml_app.models import Invitation, Role, Team, Watch
from ml_app.services import access
from ml_app.services.access import Act
from ml_app.services.notifications import notices
from ml_app.teams import members
from ml_app.web.team_forms import TeamForm, TeamInvitationForm, TeamSettingsForm
from ml_app.web.views.owners import actor_of, user_of


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    """One's own teams, and for whoever may make some, a form for another."""
    actor, user = actor_of(request), user_of(request)
    may_make = access.may(actor, Act.MAKE, None)
    if request.method == "POST" and (not may_make or user is None):
        raise Http404("no such page")
    form = TeamForm(request.POST or None)
    if request.method == "POST" and user is not None and form.is_valid():
        team = members.make_team(name=form.cleaned_data["name"], by=user)
        messages.success(request, _("The team “%(team)s” was made. Invite its members.") % {"team": team})
        return redirect("ml_app:team", team.pk)
    rows = [(team, actor.roles[team.pk].label) for team in access.joined_teams(actor).with_members()]
    context = {"rows": rows, "form": form if may_make else None}
    status = 422 if request.method == "POST" else 200
    return render(request, "ml_app/teams/list.html", context, status=status)


@never_cache
@require_safe
def team(request: HttpRequest, team_id: int) -> HttpResponse:
    """A team with its members."""
    return team_page(request, team_or_404(request, team_id), TeamInvitationForm())


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, team_id: int) -> HttpResponse:
    """Name, retention and defaults of a team."""
    row = team_or_404(request, team_id, Act.MANAGE)
    form = TeamSettingsForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        members.change_settings(team=form.save(commit=False), fields=form.changed_data)
        messages.success(request, _("The settings were saved."))
        return redirect("ml_app:team", row.pk)
    status = 422 if request.method == "POST" else 200
    # Of the database: a name that cannot be used must not stand in the title.
    context = {"team": Team.objects.get(pk=row.pk), "form": form}
    return render(request, "ml_app/teams/settings.html", context, status=status)


def team_page(
    request: HttpRequest, row: Team, form: TeamInvitationForm, status: int = 200, **made: object
) -> HttpResponse:
    """The page of a team; `made` is an invitation with its link, which is shown this once."""
    actor, user = actor_of(request), user_of(request)
    may_manage = access.may(actor, Act.MANAGE, row)
    watches = Watch.objects.filter(user=user, person=OuterRef("user"))
    context = {
        "team": row,
        "rows": row.memberships.select_related("user").annotate(watch_id=Subquery(watches.values("pk")[:1])),
        "may_watch": notices.may_watch(actor, row),
        "watch": notices.watch_of(user, row),
        "me": user,
        "is_member": row.pk in actor.roles,
        "may_manage": may_manage,
        "may_order": access.may(actor, Act.ORDER, row),
        "roles": Role.choices,
        "form": form,
        "tokens": members.tokens_of(row) if may_manage else (),
        "invitations": Invitation.objects.usable().filter(team=row) if may_manage else (),
        **made,
    }
    return render(request, "ml_app/teams/team.html", context, status=status)


def team_or_404(request: HttpRequest, team_id: int, act: Act = Act.SEE) -> Team:
    """A team that the request may see, and do this to. For anyone else it does not exist."""
    actor = actor_of(request)
    row = access.visible_teams(actor).filter(pk=team_id).first()
    if row is None or not access.may(actor, act, row):
        raise Http404("no such team")
    return row
