"""Giving files, links and batches to a team, and what the pages say of it."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ml_app.batches.feeding import feed
from ml_app.models import Batch, Membership, Role, Scan, Team, Video
from tests.factories import MembershipFactory, ScanFactory, TeamFactory, UserFactory, add_face
from tests.media import Clips
from tests.rows import make_scan, make_video

pytestmark = pytest.mark.django_db
LINK = {"url": "https://video.example/1", "frame_count": 20}


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_app.services.scanning.scans.enqueue", lambda **message: True)


@pytest.fixture
def team() -> Team:
    return TeamFactory(name="Politics")


def browser(team: Team, role: str) -> Client:
    client = Client()
    client.force_login(MembershipFactory(team=team, role=role).user)
    return client


@pytest.fixture
def analyst(team: Team) -> Client:
    return browser(team, Role.ANALYST)


def send(client: Client, clips: Clips, **fields: object) -> object:
    path = clips("talk.mp4", seconds=1)
    file = SimpleUploadedFile(path.name, path.read_bytes())
    return client.post("/", {"frame_count": 20, "video": file, **fields})


def test_the_pages_say_who_will_see_it(analyst: Client, newcomer: Client, team: Team) -> None:
    MembershipFactory(team=team)
    for url in ("/", "/batches/"):
        page = analyst.get(url).content.decode()
        assert "All of “Politics”: 2 members" in page
        assert "Only you, and this site&#x27;s reviewers" in page
        assert 'name="team"' not in newcomer.get(url).content.decode()
    assert "seen by all its members" in analyst.get("/").content.decode()
    chosen = analyst.get(f"/?team={team.pk}").content.decode()
    assert len(re.findall(rf'<option value="{team.pk}" selected', chosen)) == 2, "for files and for links"


def test_a_viewer_gives_nothing(team: Team, clips: Clips) -> None:
    viewer = browser(team, Role.VIEWER)
    assert 'name="team"' not in viewer.get("/").content.decode()
    response = send(viewer, clips, team=team.pk)
    assert response.status_code == 422
    assert "You can give scans to your own teams alone" in response.content.decode()
    assert not Scan.objects.exists()


def test_a_file_is_the_teams(analyst: Client, team: Team, clips: Clips) -> None:
    viewer, other = browser(team, Role.VIEWER), browser(TeamFactory(), Role.ADMINISTRATOR)
    response = send(analyst, clips, team=team.pk)
    scan = Scan.objects.get()
    assert response["Location"] == f"/scans/{scan.pk}/"
    assert (scan.team, scan.video.team) == (team, team)
    for client in (analyst, viewer):
        assert "Team Politics" in client.get(response["Location"]).content.decode()
    assert other.get(response["Location"]).status_code == 404
    assert "Cancel the scan" in analyst.get(response["Location"]).content.decode()
    assert "Cancel the scan" not in viewer.get(response["Location"]).content.decode()


def test_the_same_file_alone_is_another_one(analyst: Client, team: Team, clips: Clips) -> None:
    for team_id in (team.pk, "", team.pk):
        send(analyst, clips, team=team_id)
    assert sorted(Video.objects.values_list("team", flat=True), key=str) == sorted([team.pk, None], key=str)
    assert Scan.objects.count() == 2


def test_a_link_and_a_batch_are_the_teams(analyst: Client, team: Team) -> None:
    analyst.post("/links/", {**LINK, "team": team.pk})
    assert Scan.objects.get().team == Scan.objects.get().video.team == team
    analyst.post("/links/", {**LINK, "team": ""})
    assert Scan.objects.count() == 2, "the same link alone is another scan"
    table = SimpleUploadedFile("links.csv", b"url\nhttps://video.example/2\n")
    analyst.post("/batches/", {"file": table, "frame_count": 20, "team": team.pk})
    batch = Batch.objects.get()
    assert batch.team == team
    feed()
    scan = batch.items.get().scan
    assert scan is not None and scan.team == team
    viewer = browser(team, Role.VIEWER)
    assert "links.csv" in viewer.get("/batches/").content.decode()
    page = viewer.get(f"/batches/{batch.pk}/").content.decode()
    assert "Team Politics" in page and "Cancel all" not in page and "Delete this batch" not in page


@pytest.mark.parametrize("url", ["/", "/links/", "/batches/"])
def test_nobody_gives_to_a_team_of_others(url: str, newcomer: Client, team: Team, clips: Clips) -> None:
    path = clips("talk.mp4", seconds=1)
    for client in (newcomer, browser(TeamFactory(), Role.ADMINISTRATOR)):
        file = SimpleUploadedFile(path.name, path.read_bytes())
        response = client.post(url, {**LINK, "video": file, "file": file, "team": team.pk})
        assert response.status_code == 422
        assert "You can give scans to your own teams alone" in response.content.decode()
    assert not Scan.objects.exists() and not Batch.objects.exists()


def test_a_teammate_scans_again_and_the_owner_leaves(analyst: Client, team: Team, clips: Clips) -> None:
    send(analyst, clips, team=team.pk)
    Scan.objects.update(status="failed", error_code="decoder_timeout", finished_at="2026-01-01T00:00Z")
    scan, second = Scan.objects.get(), browser(team, Role.ANALYST)
    url = f"/videos/{scan.video_id}/scan/"
    assert second.post(url, {"frame_count": 40}).status_code == 302
    again = Scan.objects.exclude(pk=scan.pk).get()
    assert again.team == team and again.owner not in ("", scan.owner), "whoever ordered it owns it"
    assert f"/scans/{again.pk}/" in second.get("/scans/").content.decode()
    assert analyst.post(f"/scans/{again.pk}/cancel/").status_code == 404
    assert second.post(f"/scans/{again.pk}/cancel/").status_code == 302
    Membership.objects.filter(user__pk=scan.owner.removeprefix("user:")).delete()
    assert analyst.get(f"/scans/{scan.pk}/").status_code == 404
    assert f"/scans/{scan.pk}/" not in analyst.get("/scans/").content.decode()
    assert second.get(f"/scans/{scan.pk}/").status_code == 200


def names(client: Client, query: str) -> set[str]:
    page = client.get(f"/scans/?{query}").content.decode()
    return set(re.findall(r'class="row-name"><bdi>([^<]*)<', page))


def test_the_history_of_oneself_a_team_and_all(team: Team) -> None:
    me = MembershipFactory(team=team).user
    mine, other = f"user:{me.pk}", TeamFactory(name="Sport")
    for name, owner, given in (
        ("alone", mine, None),
        ("given", mine, team),
        ("teammate", "user:0", team),
        ("sport", "user:0", other),
        ("stranger", "visitor:x", None),
    ):
        make_scan(make_video(owner=owner, team=given, original_name=name), team=given)
    client = Client()
    client.force_login(me)
    assert names(client, "") == {"alone", "given"}
    assert names(client, f"whose={team.pk}") == {"given", "teammate"}
    assert names(client, "whose=all") == {"alone", "given", "teammate"}
    assert names(client, "whose=all&name=mate") == {"teammate"}
    for wrong in (other.pk, "x", "0", "٣", "9" * 30):
        page = client.get(f"/scans/?whose={wrong}").content.decode()
        assert 'class="error"' in page and "sport" not in page
    page = client.get("/scans/").content.decode()
    assert "Politics" in page and "Sport" not in page
    nobody = Client()
    nobody.force_login(UserFactory())
    assert 'name="whose"' not in nobody.get("/scans/").content.decode()


@pytest.mark.parametrize("query", ["", "whose=all", "whose={team}"])
def test_a_constant_number_of_queries(team: Team, query: str) -> None:
    user = MembershipFactory(team=team).user
    client = Client()
    client.force_login(user)

    def add(number: int) -> None:
        for _ in range(number):
            scan = ScanFactory(video__owner=f"user:{user.pk}", video__team=team, team=team, done=True)
            add_face(scan, frames=2)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/scans/?{query.format(team=team.pk)}").status_code == 200
        return len(captured)

    add(1)
    few = queries()
    add(5)
    for _ in range(3):
        MembershipFactory(user=user)
    assert queries() == few <= 8


@pytest.mark.parametrize("whose", ["", "team"])
@pytest.mark.parametrize(
    ("query", "index"),
    [({}, "history"), ({"verdict": "fake"}, "by_verdict"), ({"status": "done"}, "by_status")],
)
def test_lists_are_read_from_an_index(whose: str, query: dict[str, str], index: str, team: Team) -> None:
    from ml_app.services import access

    user = MembershipFactory(team=team).user
    teams = [team, *TeamFactory.create_batch(10)]
    for number, given in enumerate(teams):
        owners = [f"visitor:{number}-{other}" for other in range(3)]
        for owner in (*owners, *([f"user:{user.pk}"] if given == team else [])):
            make_scan(make_video(owner=owner, team=given), team=given)
            for verdict in ("fake", "real") * 3:  # to sort a single row costs nothing
                video = make_video(owner=owner, team=given)
                ScanFactory(video=video, team=given, done=True, verdict=verdict)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # reads a small table from end to end, whatever indexes it has
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        cursor.execute("ANALYZE ml_app_scan")
    actor = access.actor_of_user(user)
    scans = access.listed_scans(actor, str(team.pk) if whose else whose).select_related(None)
    plan = scans.matching(**query).order_by("-created_at").explain()
    assert index in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
