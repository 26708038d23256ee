"""/scans/<id>/ in each state, and who sees it."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from ml_app.models import Scan, Verdict
from tests.factories import ReviewFactory, ScanFactory, add_face
from tests.web.conftest import OWNER

PAGES = ["", "progress/"]


def text_of(client: Client, scan: Scan) -> str:
    response = client.get(f"/scans/{scan.pk}/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize("page", PAGES)
def test_owner_and_staff_see_it_and_nobody_else(
    page: str, owner: Client, stranger: Client, newcomer: Client, staff: Client, done: Scan
) -> None:
    url = f"/scans/{done.pk}/{page}"
    assert [client.get(url).status_code for client in (owner, staff, stranger, newcomer)] == [
        200,
        200,
        404,
        404,
    ]


def test_a_running_scan_shows_its_stage_and_polls(owner: Client) -> None:
    scan = ScanFactory(video__owner=OWNER, running=True)
    page = text_of(owner, scan)
    assert 'aria-current="step"' in page
    assert "12 of 40" in page
    assert f'hx-get="/scans/{scan.pk}/progress/" hx-trigger="every 1s"' in page
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    part = owner.get(f"/scans/{scan.pk}/progress/").content.decode()
    assert "<html" not in part
    assert "12 of 40" in part


def test_a_waiting_scan_says_how_many_are_before_it(owner: Client) -> None:
    ScanFactory()
    assert "Waiting: 1 scan is before this one." in text_of(owner, ScanFactory(video__owner=OWNER))


def test_the_poll_ends_with_the_scan(owner: Client, done: Scan) -> None:
    assert owner.get(f"/scans/{done.pk}/progress/")["HX-Refresh"] == "true"


def test_cancel(owner: Client, stranger: Client) -> None:
    scan = ScanFactory(video__owner=OWNER)
    url = f"/scans/{scan.pk}/cancel/"
    assert stranger.post(url).status_code == 404
    assert owner.get(url).status_code == 405
    assert owner.post(url)["Location"] == f"/scans/{scan.pk}/"
    assert "This scan was cancelled" in text_of(owner, scan)


def test_a_failure_says_what_to_do(owner: Client, staff: Client) -> None:
    scan = ScanFactory(video__owner=OWNER, failed=True)
    page = text_of(owner, scan)
    assert "Decoding took too long. Cut the video" in page
    assert "600 s" not in page
    assert "600 s" in text_of(staff, scan)


def test_an_unknown_failure_is_no_crash(owner: Client) -> None:
    scan = ScanFactory(video__owner=OWNER, failed=True, error_code="from_the_future")
    assert "from_the_future" in text_of(owner, scan)


def test_the_finding(owner: Client, done: Scan) -> None:
    page = text_of(owner, done)
    assert "Strong evidence of manipulation." in page
    assert "93 %" in page
    assert "threshold 50 %" in page
    assert "uncertain from 40 % to 60 %" in page
    assert "2 persons" in page
    assert page.count('class="plot"') == 2
    assert page.count('class="point point-') == 14
    assert "The video has fewer frames than were asked for" in page
    for fact in (done.video.sha256, done.detector_sha256, "resnext50_lstm", "3.21 s", "on cpu", str(done.pk)):
        assert fact in page


def test_the_most_telling_frames_come_first(owner: Client, done: Scan) -> None:
    face = done.faces.get(number=1)
    card = text_of(owner, done).split('id="person-1"')[1].split("</article>")[0]
    shown = [int(part.split("/")[0]) for part in card.split("/frames/")[1:] if "/thumbnail" in part[:20]]
    expected = sorted(face.frames.all(), key=lambda f: (not f.heatmap, -f.fake_probability))
    assert shown == [frame.pk for frame in expected]
    assert card.count("/heatmap") == 3


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"verdict": "real", "evidence": "moderate", "fake_probability": 0.1},
            "No evidence of manipulation found. "
            "No face scored above the threshold. The scores give moderate support for genuine footage. "
            "Finding nothing does not prove that a video is genuine.",
        ),
        (
            {"verdict": "uncertain", "evidence": "none", "reason": "near_threshold", "fake_probability": 0.5},
            "Uncertain: too close to call. The probability lies in the band around the threshold",
        ),
        (
            {"verdict": "not_analysable", "evidence": "none", "reason": "no_face", "fake_probability": None},
            "Could not be judged. No face was found in the frames that were looked at.",
        ),
    ],
    ids=["real", "uncertain", "not analysable"],
)
def test_other_verdicts_in_words(owner: Client, values: dict[str, Any], words: str) -> None:
    scan = ScanFactory(video__owner=OWNER, done=True, **values)
    text = _Text()
    text.feed(text_of(owner, scan))
    assert words in " ".join(" ".join(text.parts).split())


class _Text(HTMLParser):
    """The text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def test_a_deleted_file_is_said_to_be_gone(owner: Client, done: Scan) -> None:
    done.video.file = ""
    done.video.save()
    page = text_of(owner, done)
    assert "<video" not in page
    assert "no longer kept here" in page


def test_the_latest_review_stands_beside_the_verdict(owner: Client, staff: Client, done: Scan) -> None:
    ReviewFactory(scan=done, decision="cannot_tell", note="first look")
    ReviewFactory(scan=done, decision="confirmed_fake", note="the lips", reviewer__username="ana")
    for_owner, for_staff = text_of(owner, done), text_of(staff, done)
    assert "Confirmed fake" in for_owner
    assert "Cannot tell" not in for_owner
    assert "the lips" not in for_owner
    assert "ana" in for_staff
    assert "the lips" in for_staff


def test_nothing_on_the_page_breaks_the_content_security_policy(owner: Client, done: Scan) -> None:
    response = owner.get(f"/scans/{done.pk}/")
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    found = _Inline()
    found.feed(response.content.decode())
    assert found.bad == []


class _Inline(HTMLParser):
    """Whatever a strict policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        is_data = names.get("type") == "application/json"  # which no browser runs and no policy blocks
        inline = tag == "style" or (tag == "script" and "src" not in names and not is_data)
        if inline or "style" in names or any(name.startswith(("on", "hx-on")) for name in names):
            self.bad.append(self.get_starttag_text() or tag)


def test_many_persons_cost_no_more_queries(
    owner: Client, done: Scan, django_assert_max_num_queries: Any
) -> None:
    for number in range(3, 9):
        add_face(done, number=number, level=0.3, frames=3, verdict=Verdict.REAL)
    owner.get(f"/scans/{done.pk}/")  # the first look within an hour goes into the audit log
    with django_assert_max_num_queries(9):
        owner.get(f"/scans/{done.pk}/")
