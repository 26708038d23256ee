"""/scans/: one's own scans, newest first, in pages."""

from typing import Any

from django.test import Client

from ml_app.models import Scan
from tests.factories import ReviewFactory, ScanFactory, add_face
from tests.pages.conftest import OWNER


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
