"""What an account gave to its teams stays with them when the account is deleted."""

from __future__ import annotations

import secrets

from django.db import transaction

from ml_app.models import Batch, Membership, Role, Scan, Video
from ml_app.services import access
from ml_app.services.access import Actor

LEFT = "left:"  # begins the owner of what nobody but a team owns any more


def leave_behind(actor: Actor) -> int:
    """Take an account out as the owner of all that it gave to teams. Returns how many videos there were.

    They are the team's alone from now on: its administrators may still delete them. The new owner is a
    random one for each account, as the same bytes may come from several.
    """
    owner = f"{LEFT}{secrets.token_hex(8)}"
    with transaction.atomic():
        given = {"owner": actor.owner, "team__isnull": False}
        number = Video.objects.filter(**given).update(owner=owner, uploaded_by=None)
        Scan.objects.filter(**given).update(owner=owner)
        Batch.objects.filter(**given).update(owner=owner, ordered_by=None)
    return number


def teams_without_administrator(actor: Actor) -> list[str]:
    """The names of the teams with other members that would have no administrator without this account."""
    administered = [team for team in actor.roles if actor.has(Role.ADMINISTRATOR, team)]
    others = Membership.objects.filter(team__in=administered).exclude(user=actor.user)
    guided = set(others.filter(role=Role.ADMINISTRATOR).values_list("team_id", flat=True))
    peopled = set(others.values_list("team_id", flat=True))
    found = access.joined_teams(actor).filter(pk__in=peopled - guided)
    return list(found.values_list("name", flat=True))
