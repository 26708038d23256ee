"""Making teams, joining them, changing roles and leaving: a team always keeps an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from ml_app import audit
from ml_app.audit import Action
from ml_app.errors import refuse
from ml_app.models import ApiToken, Membership, Role, Team
from ml_app.models.api_token import ApiTokenQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def make_team(*, name: str, by: User) -> Team:
    """A new team, with whoever makes it as its administrator."""
    with audit.gathered():
        team = Team.objects.create(name=name.strip())
        audit.record(Action.MADE, team)
        join(team=team, user=by, role=Role.ADMINISTRATOR)
    return team


def join(*, team: Team, user: User, role: str) -> tuple[Membership, bool]:
    """Put somebody into a team. Whoever belongs to it already keeps their role.

    Returns:
        The membership, and whether it is new.
    """
    with transaction.atomic():
        row, is_new = Membership.objects.get_or_create(team=team, user=user, defaults={"role": Role(role)})
        if is_new:
            audit.record(Action.MADE, row, role=row.role)
    return row, is_new


def change_role(*, membership: Membership, role: str) -> None:
    """Give a member another role. Refreshes `membership`.

    Raises:
        ServiceError: "last_team_administrator".
    """
    with transaction.atomic():
        if role != Role.ADMINISTRATOR:
            _refuse_the_last(membership)
        Membership.objects.filter(pk=membership.pk).update(role=Role(role))
        audit.record(Action.CHANGED, membership, role=role, before=membership.role)
    membership.refresh_from_db()


def remove(*, membership: Membership) -> None:
    """Somebody belongs to a team no longer, by their own will or an administrator's. Their scans stay.

    Raises:
        ServiceError: "last_team_administrator".
    """
    with transaction.atomic():
        _refuse_the_last(membership)
        audit.record(Action.DELETED, membership, role=membership.role)
        Membership.objects.filter(pk=membership.pk).delete()


def tokens_of(team: Team) -> ApiTokenQuerySet:
    """The members' tokens that open something now: each sees and does in the team what its account may."""
    return ApiToken.objects.usable().filter(user__memberships__team=team).select_related("user")


def change_settings(*, team: Team, fields: list[str]) -> None:
    """Keep the settings of a team that were changed."""
    with transaction.atomic():
        team.save(update_fields=fields)
        audit.record(Action.CHANGED, team, fields=fields)


def _refuse_the_last(membership: Membership) -> None:
    # The team is locked: of the last two administrators who leave at once, the second waits and then stays.
    Team.objects.select_for_update().get(pk=membership.team_id)
    administrators = Membership.objects.filter(team_id=membership.team_id, role=Role.ADMINISTRATOR)
    if {membership.pk} == set(administrators.values_list("pk", flat=True)):
        raise refuse("last_team_administrator")
