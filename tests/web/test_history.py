"""/scans/: one's own scans, newest first, in pages."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from ml_app.models import Scan
from tests.factories import ReviewFactory, ScanFactory, add_face
from tests.rows import make_video
from tests.web.conftest import OWNER


def test_only_ones_own(owner: Client, stranger: Client, newcomer: Client, staff: Client, done: Scan) -> None:
    assert "speech.mp4" in owner.get("/scans/").content.decode()
    for client in (stranger, newcomer, staff):  # staff find everybody's at the review desk
        page = client.get("/scans/")
        assert page.status_code == 200
        assert "speech.mp4" not in page.content.decode()


def test_a_row_tells_verdict_score_review_and_shows_a_face(owner: Client, done: Scan) -> None:
    ReviewFactory(scan=done, decision="confirmed_genuine")
    page = owner.get("/scans/").content.decode()
    assert "Strong evidence of manipulation" in page
    assert "93\u00a0%" in page
    assert "confirmed genuine" in page
    best = max(done.faces.get(number=1).frames.all(), key=lambda frame: frame.fake_probability)
    assert f"/scans/{done.pk}/frames/{best.pk}/thumbnail" in page


def test_pages_of_25_newest_first(owner: Client) -> None:
    scans = [ScanFactory(video__owner=OWNER, video__original_name=f"clip {i:02d}.mp4") for i in range(27)]
    first, second = (owner.get(f"/scans/?page={n}").content.decode() for n in (1, 2))
    assert first.count('class="row"') == 25
    assert second.count('class="row"') == 2
    assert first.index("clip 26") < first.index("clip 25")
    assert str(scans[0].pk) in second
    assert owner.get("/scans/?page=nonsense").status_code == 200


def test_the_number_of_queries_does_not_grow(owner: Client, django_assert_num_queries: Any) -> None:
    def queries() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(
            connection,
        ) as captured:
            owner.get("/scans/")
        return len(captured)

    def add() -> None:
        scan = ScanFactory(video__owner=OWNER, done=True)
        add_face(scan, frames=4)
        ReviewFactory(scan=scan)

    add()
    few = queries()
    for _ in range(5):
        add()
    assert queries() == few <= 4


def names(client: Client, query: str) -> list[str]:
    page = client.get(f"/scans/?{query}").content.decode()
    return re.findall(r'class="row-name"><bdi>([^<]*)<', page)


def day(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T12:00:00+00:00")


@pytest.fixture
def three(owner: Client, settings: Any) -> Client:
    settings.TIME_ZONE = "UTC"
    values = {"video__owner": OWNER}
    ScanFactory(**values, video__original_name="Old speech.mp4", done=True, created_at=day("2026-01-10"))
    ScanFactory(
        **values,
        video__original_name="interview.webm",
        done=True,
        verdict="real",
        created_at=day("2026-02-10"),
    )
    values |= {"video__kind": "picture", "video__original_name": "100%_sure.png"}
    ScanFactory(**values, failed=True, created_at=day("2026-03-10"))
    ScanFactory(video__original_name="speech of somebody else.mp4", done=True)
    return owner


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["100%_sure.png", "interview.webm", "Old speech.mp4"]),
        ("name=SPEECH", ["Old speech.mp4"]),
        ("name=%25_", ["100%_sure.png"]),
        ("verdict=real", ["interview.webm"]),
        ("status=failed", ["100%_sure.png"]),
        ("kind=picture", ["100%_sure.png"]),
        ("kind=video", ["interview.webm", "Old speech.mp4"]),
        ("status=done", ["interview.webm", "Old speech.mp4"]),
        ("since=2026-02-10", ["100%_sure.png", "interview.webm"]),
        ("until=2026-02-10", ["interview.webm", "Old speech.mp4"]),
        ("since=2026-01-11&until=2026-03-09&verdict=real", ["interview.webm"]),
        ("until=9999-12-31", ["100%_sure.png", "interview.webm", "Old speech.mp4"]),
        ("since=0001-01-01", ["100%_sure.png", "interview.webm", "Old speech.mp4"]),
        ("name=nothing+like+it", []),
    ],
)
def test_search_and_filters(three: Client, query: str, found: list[str]) -> None:
    assert names(three, query) == found


def test_a_filter_that_makes_no_sense_says_so(three: Client) -> None:
    page = three.get("/scans/?since=yesterday&verdict=maybe").content.decode()
    assert page.count('class="error"') == 2
    assert page.count('class="row"') == 3
    assert three.get("/scans/?name=%00").status_code == 200


def test_nothing_found_is_not_nothing_yet(three: Client, newcomer: Client) -> None:
    assert "None of your scans is like that" in three.get("/scans/?name=zzz").content.decode()
    assert "Nothing yet" in newcomer.get("/scans/?name=zzz").content.decode()


def test_pages_keep_the_filter(owner: Client) -> None:
    for _ in range(26):
        ScanFactory(video__owner=OWNER, video__original_name="a & b.mp4", done=True)
    page = owner.get("/scans/?name=a+%26+b&verdict=fake").content.decode()
    assert 'href="?name=a+%26+b&amp;verdict=fake&amp;page=2"' in page
    assert len(names(owner, "name=a+%26+b&verdict=fake&page=2")) == 1


@pytest.mark.parametrize(
    ("query", "index"),
    [({}, "scan_history"), ({"verdict": "fake"}, "by_verdict"), ({"status": "done"}, "by_status")],
)
def test_lists_are_read_from_an_index(db: None, query: dict[str, str], index: str) -> None:
    for owner in [OWNER, *(f"visitor:{number}" for number in range(30))]:
        ScanFactory(video=make_video(owner=owner))
        for verdict in ("fake", "real"):
            ScanFactory(video=make_video(owner=owner), done=True, verdict=verdict)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # reads a small table from end to end, whatever indexes it has
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        # Or the plan hangs on what autovacuum happened to see of the tables of the tests before this one.
        cursor.execute("ANALYZE ml_app_scan")
    plan = Scan.objects.filter(owner=OWNER).matching(**query).order_by("-created_at").explain()
    assert index in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
