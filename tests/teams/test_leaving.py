"""What stays with a team when an account goes."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from ml_app.accounts import own_data
from ml_app.errors import ServiceError
from ml_app.models import Batch, Membership, Role, Scan, Team, Video
from ml_app.services import access
from tests.factories import MembershipFactory, ScanFactory, UserFactory, give_to_team
from tests.rows import make_video

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, User]:
    """Those about a scan that was given to a team; its owner has another one alone."""
    scan = ScanFactory(done=True)
    Batch.objects.create(owner=scan.owner, name="b", frame_count=20, detector_name="standard")
    found = give_to_team(scan)
    ScanFactory(video__owner=f"user:{found['owner'].pk}", done=True)
    return found


def test_the_teams_scans_stay_and_the_others_go(people: dict[str, User]) -> None:
    given = Scan.objects.exclude(team=None).get()
    assert own_data.delete(user=people["owner"]) is False
    kept = Scan.objects.get()
    assert kept.pk == given.pk
    assert kept.owner == kept.video.owner == Batch.objects.get().owner
    assert kept.owner.startswith("left:") and str(people["owner"].pk) not in kept.owner.partition(":")[2][:1]
    assert kept.video.uploaded_by is None
    for who in Role.values:
        actor = access.actor_of_user(User.objects.get(pk=people[who].pk))
        assert access.may(actor, access.Act.SEE, kept)
        assert access.may(actor, access.Act.DELETE, kept) == (who == Role.ADMINISTRATOR)


def test_the_same_bytes_of_two_who_leave_are_no_conflict(people: dict[str, User]) -> None:
    team = Team.objects.exclude(videos=None).get()
    sha256 = Video.objects.get(team=team).sha256
    make_video(owner=f"user:{people['analyst'].pk}", team=team, sha256=sha256)
    for who in ("owner", "analyst"):
        own_data.delete(user=people[who])
    assert Video.objects.filter(team=team, sha256=sha256).count() == 2


def test_the_last_administrator_appoints_another_first(people: dict[str, User]) -> None:
    last = people["administrator"]
    with pytest.raises(ServiceError) as refused:
        own_data.delete(user=last)
    assert refused.value.code == "last_team_administrator"
    assert User.objects.filter(pk=last.pk).exists()
    team = Team.objects.exclude(videos=None).get()
    Membership.objects.filter(team=team, user=people["reviewer"]).update(role=Role.ADMINISTRATOR)
    assert own_data.delete(user=User.objects.get(pk=last.pk)) is True


def test_whoever_is_alone_in_a_team_may_go() -> None:
    alone = MembershipFactory(user=UserFactory(), role=Role.ADMINISTRATOR)
    assert own_data.delete(user=alone.user) is True
    assert Team.objects.exists()
