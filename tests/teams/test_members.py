"""Making teams, joining, changing roles and leaving, and what the audit log tells of it."""

from __future__ import annotations

import pytest

from ml_app.errors import ServiceError
from ml_app.models import AuditEntry, Membership, Role, Team
from ml_app.teams import members
from tests.factories import MembershipFactory, TeamFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_whoever_makes_a_team_administers_it() -> None:
    user = UserFactory()
    team = members.make_team(name=" Politics ", by=user)
    assert team.name == "Politics"
    assert Membership.objects.get().role == Role.ADMINISTRATOR
    told = AuditEntry.objects.order_by("number").values_list("action", "object_kind", "object_label")
    assert list(told) == [("made", "team", "Politics"), ("made", "role", f"{user.username}, Politics")]


def test_joining_twice_keeps_the_role() -> None:
    known = MembershipFactory(role=Role.REVIEWER)
    row, is_new = members.join(team=known.team, user=known.user, role=Role.VIEWER)
    assert (row.pk, row.role, is_new) == (known.pk, Role.REVIEWER, False)
    assert members.join(team=known.team, user=UserFactory(), role=Role.VIEWER)[1]


@pytest.mark.parametrize("with_others", [True, False])
def test_a_team_keeps_an_administrator(with_others: bool) -> None:
    team = TeamFactory()
    last = MembershipFactory(team=team, role=Role.ADMINISTRATOR)
    MembershipFactory(role=Role.ADMINISTRATOR)  # of another team
    if with_others:
        MembershipFactory(team=team, role=Role.REVIEWER)
    for act in (
        lambda: members.remove(membership=last),
        lambda: members.change_role(membership=last, role=Role.REVIEWER),
    ):
        with pytest.raises(ServiceError) as refused:
            act()
        assert refused.value.code == "last_team_administrator"
    members.change_role(membership=last, role=Role.ADMINISTRATOR)
    second = MembershipFactory(team=team, role=Role.ADMINISTRATOR)
    members.change_role(membership=last, role=Role.VIEWER)
    assert last.role == Role.VIEWER
    members.remove(membership=last)
    assert not Membership.objects.filter(pk=last.pk).exists()
    with pytest.raises(ServiceError):
        members.remove(membership=second)


def test_changes_are_in_the_log() -> None:
    member = MembershipFactory(role=Role.VIEWER)
    members.change_role(membership=member, role=Role.ANALYST)
    members.remove(membership=member)
    Team.objects.update(name="Sport")
    members.change_settings(team=Team.objects.get(), fields=["name"])
    entries = AuditEntry.objects.order_by("number")
    assert [(entry.action, entry.object_kind) for entry in entries] == [
        ("changed", "role"),
        ("deleted", "role"),
        ("changed", "team"),
    ]
