"""The pages of teams: make one, invite, join, change roles, leave, settings; deleting files alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from ml_app.models import Invitation, Membership, Role, Scan, Team
from ml_app.services.tokens import create_token, find_token
from tests.factories import MembershipFactory, ScanFactory, TeamFactory, UserFactory, add_face, give_to_team

pytestmark = pytest.mark.django_db


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def team() -> Team:
    return TeamFactory(name="Politics")


@pytest.fixture
def admin(team: Team) -> Client:
    """An administrator of the team."""
    return browser(MembershipFactory(team=team, role=Role.ADMINISTRATOR, user__username="anna").user)


def invited(admin: Client, team: Team, email: str, role: str = "reviewer") -> str:
    """The path of the link of a new invitation."""
    page = admin.post(f"/teams/{team.pk}/invite/", {"email": email, "role": role}).content.decode()
    path = re.search(r"http://testserver(/accounts/invitation/[\w-]+/)", page)
    assert path is not None
    return path[1]


def test_making_a_team_is_for_those_who_may(staff: Client, settings: Any) -> None:
    anybody = browser(UserFactory())
    assert "Make the team" not in anybody.get("/teams/").content.decode()
    assert anybody.post("/teams/", {"name": "Ours"}).status_code == 404
    made = staff.post("/teams/", {"name": "Politics"})
    team = Team.objects.get()
    assert made["Location"] == f"/teams/{team.pk}/"
    assert "Politics" in staff.get("/teams/").content.decode()
    settings.TEAMS_OPEN = True
    assert "Make the team" in anybody.get("/teams/").content.decode()
    assert anybody.post("/teams/", {"name": "Ours"}).status_code == 302
    assert anybody.post("/teams/", {"name": ""}).status_code == 422
    assert Membership.objects.filter(role=Role.ADMINISTRATOR).count() == 2


def test_an_invitation_makes_an_account_and_a_member(admin: Client, team: Team, newcomer: Client) -> None:
    path = invited(admin, team, "ben@example.org")
    assert "Politics" in mail.outbox[0].body and path in mail.outbox[0].body
    page = admin.get(f"/teams/{team.pk}/").content.decode()
    assert "ben@example.org" in page and path not in page
    form = newcomer.get(path)
    assert form["Location"].startswith("/accounts/signup/")
    password = "a long enough sentence"
    newcomer.post(
        "/accounts/signup/",
        {"username": "ben", "email": "ben@example.org", "password1": password, "password2": password},
    )
    member = Membership.objects.get(user__username="ben")
    assert (member.team, member.role) == (team, Role.REVIEWER)
    assert newcomer.get(path).status_code == 404


def test_whoever_has_an_account_joins_with_it(admin: Client, team: Team, newcomer: Client) -> None:
    ben = UserFactory(username="ben", email="Ben@example.org")
    path = invited(admin, team, "ben@example.org", "viewer")
    assert newcomer.get(path)["Location"] == f"/accounts/login/?next={path}"
    signed_in = browser(ben)
    assert "Join Politics?" in signed_in.get(path).content.decode()
    assert not Membership.objects.filter(user=ben).exists()
    assert signed_in.post(path)["Location"] == f"/teams/{team.pk}/"
    assert Membership.objects.get(user=ben).role == Role.VIEWER
    assert signed_in.post(path).status_code == 404, "it works once"


def test_an_invitation_is_withdrawn_by_its_team_alone(admin: Client, team: Team, newcomer: Client) -> None:
    path = invited(admin, team, "ben@example.org")
    row = Invitation.objects.get()
    other = MembershipFactory(role=Role.ADMINISTRATOR)
    assert (
        browser(other.user).post(f"/teams/{other.team_id}/invitations/{row.pk}/withdraw/").status_code == 302
    )
    assert newcomer.get(path).status_code == 302
    assert admin.post(f"/teams/{team.pk}/invitations/{row.pk}/withdraw/").status_code == 302
    assert newcomer.get(path).status_code == 404


def test_roles_change_and_members_go(admin: Client, team: Team) -> None:
    member = MembershipFactory(team=team, role=Role.VIEWER, user__username="ben")
    url = f"/teams/{team.pk}/members/{member.pk}/"
    page = admin.post(f"{url}role/", {"role": "analyst"}, follow=True).content.decode()
    assert "ben is now: Analyst." in page
    assert "Choose one of the offered roles." in admin.post(f"{url}role/", follow=True).content.decode()
    assert "ben belongs to the team no longer" in admin.post(f"{url}remove/", follow=True).content.decode()
    assert admin.post(f"{url}remove/").status_code == 404
    last = Membership.objects.get(team=team)
    for path, data in (
        (f"/teams/{team.pk}/leave/", {}),
        (f"/teams/{team.pk}/members/{last.pk}/role/", {"role": "viewer"}),
    ):
        page = admin.post(path, data, follow=True).content.decode()
        assert "This is the last administrator of a team" in page
    assert Membership.objects.get(team=team).role == Role.ADMINISTRATOR


def test_a_member_leaves(admin: Client, team: Team) -> None:
    member = browser(MembershipFactory(team=team, role=Role.VIEWER).user)
    page = member.get(f"/teams/{team.pk}/").content.decode()
    assert "anna" in page and "Invite" not in page and "Take out" not in page
    assert "Politics" in member.get("/teams/").content.decode()
    assert "You left the team" in member.post(f"/teams/{team.pk}/leave/", follow=True).content.decode()
    assert member.get(f"/teams/{team.pk}/").status_code == 404


def test_members_of_another_team_are_not_touched(admin: Client, team: Team) -> None:
    other = MembershipFactory(role=Role.VIEWER)
    for act in ("role", "remove"):
        url = f"/teams/{team.pk}/members/{other.pk}/{act}/"
        assert admin.post(url, {"role": "administrator"}).status_code == 404
    other.refresh_from_db()
    assert other.role == Role.VIEWER


def test_settings_are_kept_and_proposed(admin: Client, team: Team) -> None:
    url = f"/teams/{team.pk}/settings/"
    wrong = {"name": "", "media_retention_days": -1, "default_detector": "x", "default_frame_count": 7}
    page = admin.post(url, wrong)
    assert page.status_code == 422 and page.content.decode().count('class="error"') == 4
    right = {
        "name": "Politics",
        "media_retention_days": 30,
        "findings_retention_days": 0,
        "default_detector": "standard",
        "default_frame_count": 20,
    }
    assert admin.post(url, right)["Location"] == f"/teams/{team.pk}/"
    team.refresh_from_db()
    assert (team.media_retention_days, team.findings_retention_days) == (30.0, 0.0)
    assert (team.default_detector, team.default_frame_count) == ("standard", 20)
    upload = admin.get(f"/?team={team.pk}").content.decode()
    assert re.findall(r'<input type="radio"[^>]*value="(\d+)"[^>]*checked', upload) == ["20"]
    assert f"{{&quot;&quot;: 40, &quot;{team.pk}&quot;: 20}}" in upload
    assert "Videos that are given to “Politics” are deleted after 30 days." in upload
    assert "What was found for “Politics” is kept until somebody deletes it." in upload
    assert re.findall(
        r'<input type="radio"[^>]*value="(\d+)"[^>]*checked', admin.get("/").content.decode()
    ) == ["40"]


def test_the_file_is_deleted_and_the_findings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = ScanFactory(done=True)
    add_face(scan, frames=4)
    administrator = browser(give_to_team(scan)["administrator"])
    url = f"/videos/{scan.video_id}/purge/"
    assert url in administrator.get(f"/scans/{scan.pk}/").content.decode()
    assert "Delete the file?" in administrator.get(url).content.decode()
    page = administrator.post(url, follow=True).content.decode()
    assert "its findings stay" in page
    kept = Scan.objects.get()
    assert not kept.video.file and kept.verdict and kept.faces.exists()
    assert url not in administrator.get(f"/scans/{scan.pk}/").content.decode()
    Scan.objects.update(status="queued", verdict="", finished_at=None, created_at=timezone.now())
    refused = administrator.post(url, follow=True).content.decode()
    assert "being analysed just now" in refused


def test_an_administrator_revokes_a_members_token(admin: Client, team: Team) -> None:
    member = MembershipFactory(team=team, role=Role.ANALYST)
    (token, text), (other, theirs) = (
        create_token(user=member.user, name="nightly"),
        create_token(user=UserFactory()),
    )
    page = admin.get(f"/teams/{team.pk}/").content.decode()
    assert "nightly" in page
    assert other.prefix not in page
    assert text not in page
    assert "nightly" not in browser(member.user).get(f"/teams/{team.pk}/").content.decode()
    said = admin.post(f"/teams/{team.pk}/tokens/{token.pk}/revoke/", follow=True).content.decode()
    assert "opens nothing any more" in said
    assert "nightly" not in said
    assert find_token(text) is None
    assert admin.post(f"/teams/{team.pk}/tokens/{other.pk}/revoke/").status_code == 404
    assert find_token(theirs) is not None
