"""Teams over the API: giving scans and batches to them, and being told of one's own."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ml_app.models import Batch, Role, Scan, Team
from tests.api.conftest import SCANS, problem, program, send
from tests.factories import MembershipFactory, TeamFactory
from tests.media import Clips

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_app.services.scanning.scans.enqueue", lambda **message: True)


@pytest.fixture
def team(user: User) -> Team:
    """A team in which `user` is an analyst."""
    found: Team = MembershipFactory(user=user, team=TeamFactory(name="Politics")).team
    return found


def test_me_lists_ones_teams(ours: Client, theirs: Client, nobody: Client, team: Team) -> None:
    assert ours.get("/api/v1/me").json()["teams"] == [{"id": team.pk, "name": "Politics", "role": "analyst"}]
    for client in (theirs, nobody):
        assert client.get("/api/v1/me").json()["teams"] == []


def test_a_file_a_link_and_a_batch_are_given(ours: Client, team: Team, clips: Clips) -> None:
    viewer = program(MembershipFactory(team=team, role=Role.VIEWER).user)
    said = send(ours, clips("talk.mp4", seconds=1), team=str(team.pk), frame_count="20").json()
    assert said["team"] == {"id": team.pk, "name": "Politics"}
    assert viewer.get(said["links"]["self"]).status_code == 200
    link = ours.post(SCANS, {"url": "https://video.example/1", "team": team.pk}, content_type=JSON)
    assert link.json()["team"]["id"] == team.pk
    batch = ours.post(
        "/api/v1/batches", {"urls": ["https://v.example/1"], "team": team.pk}, content_type=JSON
    )
    assert batch.json()["team"]["name"] == "Politics"
    assert set(Scan.objects.values_list("team", flat=True)) == {team.pk}
    assert Batch.objects.get().team == team
    listed = viewer.get(f"{SCANS}?team={team.pk}").json()["results"]
    assert {row["id"] for row in listed} == {said["id"], link.json()["id"]}
    assert viewer.get(f"/api/v1/batches?team={team.pk}").json()["results"][0]["id"] == batch.json()["id"]
    assert viewer.get("/api/v1/batches").json()["results"] == []


def test_only_to_ones_own_teams_and_not_as_a_viewer(user: User, ours: Client, team: Team) -> None:
    other = TeamFactory()
    looking = MembershipFactory(user=user, role=Role.VIEWER).team
    for wrong in (other.pk, looking.pk, "politics", -1, 10**30, True, [team.pk], 1.5):
        for url, body in ((SCANS, {"url": "https://v.example/1"}), ("/api/v1/batches", {"urls": ["x"]})):
            answer = ours.post(url, {**body, "team": wrong}, content_type=JSON)
            if url == SCANS:
                problem(answer, 422, "bad_team")
            assert answer.status_code == 422, wrong
    assert not Scan.objects.exists() and not Batch.objects.exists()


def test_lists_of_other_teams_do_not_exist(ours: Client, team: Team) -> None:
    for wrong in (TeamFactory().pk, 0, -1, 10**30):
        problem(ours.get(f"{SCANS}?team={wrong}"), 422, "no_such_team")
        problem(ours.get(f"/api/v1/batches?team={wrong}"), 422, "no_such_team")
    problem(ours.get(f"{SCANS}?team=x"), 422, "invalid")


def test_a_rerun_stays_in_the_team(ours: Client, team: Team, clips: Clips) -> None:
    said = send(ours, clips("talk.mp4", seconds=1), team=str(team.pk), frame_count="20").json()
    Scan.objects.update(status="failed", error_code="decoder_timeout", finished_at="2026-01-01T00:00Z")
    body = {"frame_count": 40}
    problem(
        ours.post(said["links"]["rerun"], {**body, "team": team.pk}, content_type=JSON), 422, "team_stays"
    )
    again = ours.post(said["links"]["rerun"], body, content_type=JSON).json()
    assert again["team"]["id"] == team.pk
