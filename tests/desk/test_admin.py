"""The review desk: findings read-only, reviews append-only."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ml_app import services
from ml_app.models import Review, Scan
from tests.factories import ReviewFactory, ScanFactory, UserFactory, add_face
from tests.web.conftest import TOKEN

LIST = "/admin/ml_app/scan/"


def review_form(decision: str, note: str = "", reviews: int = 0) -> dict[str, Any]:
    return {
        "reviews-TOTAL_FORMS": reviews + 1,
        "reviews-INITIAL_FORMS": reviews,
        "reviews-MIN_NUM_FORMS": 0,
        "reviews-MAX_NUM_FORMS": 1000,
        f"reviews-{reviews}-decision": decision,
        f"reviews-{reviews}-note": note,
        "_save": "Save",
    }


def test_only_staff_enter(owner: Client, newcomer: Client, staff: Client, done: Scan) -> None:
    for url in (LIST, f"{LIST}{done.pk}/change/"):
        assert owner.get(url).status_code == newcomer.get(url).status_code == 302
        assert staff.get(url).status_code == 200


def test_the_list_shows_searches_and_filters(staff: Client, done: Scan) -> None:
    ScanFactory(video__original_name="waiting.mp4")
    page = staff.get(LIST).content.decode()
    assert f"/scans/{done.pk}/frames/" in page
    assert "Strong evidence of manipulation" in page

    def names(query: str) -> tuple[bool, bool]:
        page = staff.get(f"{LIST}?{query}").content.decode()
        return "speech.mp4" in page, "waiting.mp4" in page

    assert names("q=speech") == (True, False)
    assert names(f"q={done.video.sha256}") == (True, False)
    assert names("status__exact=queued") == (False, True)
    assert names("verdict__exact=fake") == (True, False)
    assert names("reviewed=yes") == (False, False)
    assert names("reviewed=no") == (True, True)
    ReviewFactory(scan=done, decision="cannot_tell")
    ReviewFactory(scan=done, decision="confirmed_fake")
    assert names("reviewed=confirmed_fake") == (True, False)
    assert names("reviewed=cannot_tell") == (False, False)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("verdict__exact=fake", ["old.mp4"]),
        ("video__kind__exact=picture", ["new.mp4"]),
        ("status__exact=failed", ["new.mp4"]),
        ("reviewed=yes", ["old.mp4"]),
        ("reviewed=no", ["new.mp4"]),
        ("reviewed=cannot_tell", ["old.mp4"]),
        ("created_at__gte=2026-02-01+00:00:00%2B00:00", ["new.mp4"]),
        ("detector_name__exact=another", ["old.mp4"]),
        ("frame_count__exact=100", ["new.mp4"]),
    ],
)
def test_each_filter(staff: Client, query: str, found: list[str]) -> None:
    old = ScanFactory(
        done=True,
        video__original_name="old.mp4",
        detector_name="another",
        created_at=datetime(2026, 1, 10, tzinfo=UTC),
    )
    ScanFactory(
        failed=True,
        video__original_name="new.mp4",
        video__kind="picture",
        frame_count=100,
        created_at=datetime(2026, 3, 10, tzinfo=UTC),
    )
    ReviewFactory(scan=old, decision="cannot_tell")
    page = staff.get(f"{LIST}?{query}")
    assert page.status_code == 200
    assert [scan.video.original_name for scan in page.context["cl"].result_list] == found
    offered = {spec.title for spec in page.context["cl"].filter_specs}
    assert offered == {"verdict", "kind", "status", "review", "created at", "detector", "frames to read"}


def test_the_list_costs_the_same_for_many(staff: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            staff.get(LIST)
        return len(captured)

    def add() -> None:
        scan = ScanFactory(done=True)
        add_face(scan, frames=3)
        ReviewFactory(scan=scan)

    add()
    few = queries()
    for _ in range(6):
        add()
    assert queries() == few


def test_the_scan_shows_its_findings_and_no_field_to_change(staff: Client, done: Scan) -> None:
    page = staff.get(f"{LIST}{done.pk}/change/").content.decode()
    assert page.count('class="plot"') == 2
    assert "/thumbnail" in page
    assert f'src="/scans/{done.pk}/video"' in page
    assert 'name="verdict"' not in page
    assert 'name="status"' not in page
    assert "a visitor (owner-\u2026)" in page
    assert TOKEN not in page, "a visitor's token is nobody's business"


def test_a_review_stands_beside_the_verdict_for_visitor_and_desk(
    staff: Client, owner: Client, done: Scan
) -> None:
    reviewer = UserFactory(username="grace")
    ReviewFactory(scan=done, decision="confirmed_genuine", note="seen the original", reviewer=reviewer)
    page = owner.get(f"/scans/{done.pk}/").content.decode()
    assert "Strong evidence of manipulation." in page
    assert "Confirmed genuine" in page
    assert "grace" not in page
    assert "seen the original" not in page
    desk = staff.get(f"{LIST}{done.pk}/change/").content.decode()
    for words in ("Strong evidence", "<p>Confirmed genuine</p>", "grace", "seen the original"):
        assert words in desk


def test_a_review_is_recorded_with_who_and_when(staff: Client, done: Scan) -> None:
    before = Scan.objects.filter(pk=done.pk).values().get()
    response = staff.post(f"{LIST}{done.pk}/change/", review_form("confirmed_fake", "the lips"), follow=True)
    assert [str(message) for message in response.context["messages"]] == ["The decision was recorded."]
    review = Review.objects.get()
    assert (review.decision, review.note, review.scan) == ("confirmed_fake", "the lips", done)
    assert review.reviewer_id == int(staff.session["_auth_user_id"])
    assert review.created_at is not None
    assert Scan.objects.filter(pk=done.pk).values().get() == before


def test_reviews_cannot_be_changed_or_deleted(staff: Client, done: Scan) -> None:
    review = ReviewFactory(scan=done, decision="confirmed_fake")
    data = review_form("cannot_tell", reviews=1) | {
        "reviews-0-id": review.pk,
        "reviews-0-scan": done.pk,
        "reviews-0-decision": "confirmed_genuine",
        "reviews-0-DELETE": "on",
    }
    staff.post(f"{LIST}{done.pk}/change/", data)
    kept = Review.objects.get(pk=review.pk)
    assert kept.decision == "confirmed_fake"
    page = staff.get(f"{LIST}{done.pk}/change/").content.decode()
    assert "reviews-0-DELETE" not in page
    assert staff.post(f"{LIST}{done.pk}/delete/", {"post": "yes"}).status_code == 403
    staff.post(LIST, {"action": "delete_selected", "_selected_action": [str(done.pk)], "post": "yes"})
    assert Scan.objects.filter(pk=done.pk).exists()
    assert staff.get("/admin/ml_app/scan/add/").status_code == 403


def test_a_change_of_mind_is_a_new_review(staff: Client, done: Scan) -> None:
    ReviewFactory(scan=done, decision="confirmed_fake")
    staff.post(f"{LIST}{done.pk}/change/", review_form("confirmed_genuine"))
    assert [review.decision for review in done.reviews.all()] == ["confirmed_genuine", "confirmed_fake"]


@pytest.mark.parametrize("may_review", [True, False])
def test_permissions(may_review: bool, done: Scan) -> None:
    user = UserFactory(is_staff=True)
    names = ["view_scan", "view_review", *(["add_review"] if may_review else [])]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    assert client.get(f"{LIST}{done.pk}/change/").status_code == 200
    client.post(f"{LIST}{done.pk}/change/", review_form("cannot_tell"))
    assert Review.objects.exists() is may_review


def test_a_running_scan_cannot_be_reviewed(staff: Client) -> None:
    scan = ScanFactory(running=True)
    staff.post(f"{LIST}{scan.pk}/change/", review_form("confirmed_fake"))
    assert not Review.objects.exists()


def act(client: Client, action: str, *scans: Scan, **data: str) -> Any:
    chosen = [str(scan.pk) for scan in scans]
    return client.post(LIST, {"action": action, "_selected_action": chosen, **data})


def test_search_by_number(staff: Client, done: Scan) -> None:
    ScanFactory(video__original_name="waiting.mp4")
    page = staff.get(f"{LIST}?q={done.pk}").content.decode()
    assert "speech.mp4" in page
    assert "waiting.mp4" not in page


def test_scan_again_many(staff: Client, done: Scan) -> None:
    purged = ScanFactory(done=True, video__original_name="gone.mp4")
    services.purge_media(video=purged.video)
    response = staff.post(
        LIST, {"action": "rerun", "_selected_action": [str(done.pk), str(purged.pk)]}, follow=True
    )
    page = response.content.decode()
    assert "1 scan was ordered." in page
    assert "gone.mp4: The video" in page.replace("Gone", "gone")  # the admin capitalises
    new = Scan.objects.get(status="queued")
    assert (new.video, new.frame_count, new.owner) == (done.video, done.frame_count, done.owner)


def test_scan_again_asks_the_same_others(staff: Client, done: Scan) -> None:
    Scan.objects.filter(pk=done.pk).update(also="oracle")
    page = staff.post(LIST, {"action": "rerun", "_selected_action": [str(done.pk)]}, follow=True)
    assert "No detector of this name is installed here." in page.content.decode()
    assert not Scan.objects.filter(status="queued").exists()


def test_export(staff: Client, done: Scan, django_assert_max_num_queries: Any) -> None:
    ReviewFactory(scan=done, decision="confirmed_genuine")
    formula = ScanFactory(video__original_name="=HYPERLINK(1).mp4")
    with django_assert_max_num_queries(8):
        response = act(staff, "export_csv", done, formula)
        rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
    assert response["Content-Type"].startswith("text/csv")
    by_file = {row["file"]: row for row in rows}
    row = by_file["speech.mp4"]
    assert (row["verdict"], row["fake_probability"], row["sha256"]) == ("fake", "0.93", done.video.sha256)
    assert row["review"] == "confirmed_genuine"
    assert by_file["'=HYPERLINK(1).mp4"]["status"] == "queued"


def test_purge_asks_first_and_keeps_the_findings(
    staff: Client, owner: Client, done: Scan, django_capture_on_commit_callbacks: Any
) -> None:
    assert "speech.mp4" in act(staff, "purge", done).content.decode()
    done.video.refresh_from_db()
    assert done.video.file
    with django_capture_on_commit_callbacks(execute=True):
        act(staff, "purge", done, confirmed="Purge media")
    done.video.refresh_from_db()
    assert not done.video.file
    assert owner.get(f"/scans/{done.pk}/video").status_code == 404
    page = owner.get(f"/scans/{done.pk}/").content.decode()
    assert "The media were purged" in page
    assert done.video.sha256 in page
    assert "<img" not in page
    assert staff.get(f"{LIST}{done.pk}/change/").status_code == 200


@pytest.mark.parametrize("action", ["rerun", "purge"])
def test_actions_need_their_permission(action: str, done: Scan) -> None:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_scan", "view_review"]))
    client = Client()
    client.force_login(user)
    act(client, action, done, confirmed="Purge media")
    done.video.refresh_from_db()
    assert done.video.file
    assert Scan.objects.count() == 1


def test_a_failed_scan_says_why_in_words(staff: Client) -> None:
    scan = ScanFactory(failed=True)
    page = staff.get(f"/admin/ml_app/scan/{scan.pk}/change/").content.decode()
    assert "Decoding took too long. Cut the video" in page
    assert "decoder_timeout" in page
