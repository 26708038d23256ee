"""Who may do what, and what of it the lists have."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ml_app.models import Batch, Membership, Role, Scan, Team
from ml_app.services import access
from ml_app.services.access import Act, Actor
from tests.factories import MembershipFactory, ScanFactory, TeamFactory, UserFactory, give_to_team
from tests.rows import make_scan, make_video

pytestmark = pytest.mark.django_db
SCANS = (Act.SEE, Act.CANCEL, Act.RERUN, Act.ADD, Act.DELETE, Act.REVIEW, Act.PURGE)


def acts(actor: Actor, subject: Any) -> set[str]:
    return {str(act) for act in Act if access.may(actor, act, subject)}


def actor(**values: Any) -> Actor:
    return access.actor_of_user(UserFactory(**values))


@pytest.fixture
def people() -> dict[str, Actor]:
    """Those about the one scan that there is, which was given to a team."""
    found = give_to_team(ScanFactory(done=True))
    return {who: access.actor_of_user(user) for who, user in found.items()}


def test_each_role_may_also_do_what_those_before_it_may(people: dict[str, Actor]) -> None:
    scan = Scan.objects.get()
    for subject in (scan, scan.video):
        assert {who: acts(one, subject) for who, one in people.items()} == {
            "owner": {"see", "rerun", "cancel", "add", "delete"},
            "viewer": {"see"},
            "analyst": {"see", "rerun"},
            "reviewer": {"see", "rerun", "review"},
            "administrator": {"see", "rerun", "review", "cancel", "add", "delete", "purge"},
            "other team": set(),
        }
    assert {who: acts(one, scan.team) for who, one in people.items()} == {
        "owner": {"see", "order"},
        "viewer": {"see"},
        "analyst": {"see", "order"},
        "reviewer": {"see", "order"},
        "administrator": {"see", "order", "manage"},
        "other team": set(),
    }
    roles = list(Role)
    for earlier, later in itertools.pairwise(roles):
        assert acts(people[earlier], scan) < acts(people[later], scan)


def test_what_is_alone_is_its_owners() -> None:
    me, other = actor(), actor()
    scan = make_scan(make_video(owner=me.owner))
    assert acts(me, scan) == {"see", "cancel", "rerun", "add", "delete"}
    assert acts(other, scan) == acts(Actor(), scan) == acts(Actor("visitor:x"), scan) == set()
    nobodys = make_scan(make_video(owner=""))
    assert acts(Actor(), nobodys) == set(), "who never uploaded owns nothing, whatever has no owner"


def test_staff_see_all_and_do_what_they_were_given(people: dict[str, Actor]) -> None:
    scan, staff = Scan.objects.get(), actor(is_staff=True)
    assert acts(staff, scan) == {"see", "cancel", "rerun"}
    assert acts(staff, scan.team) == {"see"}
    assert acts(staff, None) == set()
    for codename in ("add_review", "delete_video", "change_team", "add_team", "add_invitation", "add_scan"):
        assert staff.user is not None
        staff.user.user_permissions.add(Permission.objects.get(codename=codename))
    assert staff.user is not None
    told = access.actor_of_user(type(staff.user).objects.get(pk=staff.user.pk))
    assert acts(told, scan) == {"see", "cancel", "rerun", "review", "purge"}
    assert acts(told, scan.team) == {"see", "manage"}
    assert acts(told, None) == {"review", "purge", "rerun", "manage", "make", "invite"}
    assert acts(actor(is_staff=True, is_superuser=True, is_active=False), scan) == set()


def test_whoever_leaves_sees_nothing_more(people: dict[str, Actor]) -> None:
    owner = people["owner"]
    assert owner.user is not None
    Membership.objects.filter(user=owner.user).delete()
    left = access.actor_of_user(type(owner.user).objects.get(pk=owner.user.pk))
    assert acts(left, Scan.objects.get()) == set()
    for found in (access.visible_scans(left), access.own_scans(left), access.visible_videos(left)):
        assert not found.exists()


def test_lists_agree_with_what_may_be_seen(people: dict[str, Actor]) -> None:
    for who, one in people.items():  # and each has one alone
        scan = make_scan(make_video(owner=one.owner, original_name=who))
        Batch.objects.create(owner=scan.owner, name=who, frame_count=20, detector_name="standard")
    given = Scan.objects.exclude(team=None).get()
    Batch.objects.create(
        owner=given.owner, team=given.team, name="ours", frame_count=20, detector_name="standard"
    )
    staff, visitor = actor(is_staff=True), Actor("visitor:x")
    for one in (*people.values(), staff, visitor, Actor()):
        for found, of in (
            (access.visible_scans(one), Scan.objects.all()),
            (access.visible_videos(one), [scan.video for scan in Scan.objects.all()]),
            (access.visible_batches(one), Batch.objects.all()),
            (access.visible_teams(one), Team.objects.all()),
        ):
            assert set(found) == {row for row in of if access.may(one, Act.SEE, row)}
        own = access.own_scans(one)
        assert set(own) <= set(access.visible_scans(one))
        assert {scan.owner for scan in own} <= {one.owner}
        assert set(access.scans_of_team(one, given.team_id)) == (
            {given} if access.may(one, Act.SEE, given) else set()
        )
    assert access.own_scans(people["owner"]).count() == 2
    assert access.own_scans(people["viewer"]).count() == 1


def test_memberships_are_read_once() -> None:
    one = MembershipFactory()
    with CaptureQueriesContext(connection) as queries:
        for _ in range(3):
            assert access.actor_of_user(one.user).roles == {one.team_id: Role.ANALYST}
    assert len(queries) == 1


def test_teams_to_order_for_know_their_members() -> None:
    team = TeamFactory(name="Politics")
    for role in Role.values:
        MembershipFactory(team=team, role=role)
    for membership in Membership.objects.all():
        found = access.teams_to_order_for(access.actor_of_user(membership.user))
        expected = [] if membership.role == Role.VIEWER else [("Politics", 4)]
        assert [(each.name, each.members) for each in found] == expected
