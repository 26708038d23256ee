"""The review desk: the queue, its filters, and the form to decide."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from ml_app.models import Review, ReviewCase, SavedFilter, Scan
from ml_app.services.reviews.reviewing import record_review
from tests.factories import ScanFactory, UserFactory, give_to_team


@pytest.fixture
def anna(db: None) -> User:
    user: User = UserFactory(username="anna", is_staff=True, is_superuser=True)
    return user


@pytest.fixture
def desk(anna: User) -> Client:
    client = Client()
    client.force_login(anna)
    return client


def scan_called(name: str, **values: Any) -> Scan:
    scan: Scan = ScanFactory(done=True, video__original_name=name, **values)
    return scan


def names(client: Client, query: str = "") -> list[str]:
    page = client.get(f"/review/?{query}")
    assert page.status_code == 200
    return re.findall(r'<span class="row-name"><bdi>(.*?)</bdi></span>', page.content.decode())


@pytest.fixture
def some(db: None) -> list[Scan]:
    uncertain = {"verdict": "uncertain", "fake_probability": 0.5, "evidence": "none"}
    real = {"verdict": "real", "fake_probability": 0.1, "evidence": "moderate"}
    return [scan_called("real", **real), scan_called("fake"), scan_called("uncertain", **uncertain)]


def test_the_most_uncertain_comes_first_and_of_equals_the_oldest(desk: Client, some: list[Scan]) -> None:
    old = scan_called("older", finished_at=timezone.now() - timedelta(days=3))
    assert names(desk) == ["uncertain", "older", "fake", "real"]
    assert names(desk, "order=oldest")[0] == "older"
    record_review(scan=old, reviewer=UserFactory(), decision="cannot_tell", note="")
    assert names(desk) == ["uncertain", "fake", "real"], "what is settled waits no longer"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("verdict=fake", ["fake"]),
        ("evidence=moderate", ["real"]),
        ("who=me", ["real"]),
        ("who=nobody", ["uncertain", "fake"]),
        ("who=others", []),
        ("look=2", []),
        ("look=1&verdict=real", ["real"]),
        ("until=2020-01-01", []),
        ("since=2020-01-01&verdict=uncertain", ["uncertain"]),
        ("verdict=nonsense", ["uncertain", "fake", "real"]),
    ],
)
def test_filters_stand_in_the_address(
    query: str, found: list[str], desk: Client, anna: User, some: list[Scan]
) -> None:
    ReviewCase.objects.filter(pk=some[0].pk).update(assignee=anna)
    assert names(desk, query) == found


def test_queries_do_not_grow_with_the_queue(
    desk: Client, some: list[Scan], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(11):
        assert len(names(desk)) == 3
    for number in range(40):
        scan_called(f"talk-{number}")
    with django_assert_max_num_queries(11):
        assert len(names(desk)) == 25
    assert len(names(desk, "page=2")) == 18


def test_filters_are_kept_by_whoever_made_them(desk: Client, anna: User, some: list[Scan]) -> None:
    kept = {"name": "Accused", "query": "verdict=fake&page=7&nonsense=<b>"}
    response = desk.post("/review/filters/", kept)
    assert response["Location"] == "/review/?verdict=fake"
    saved = SavedFilter.objects.get()
    assert (saved.user, saved.query) == (anna, "verdict=fake")
    desk.post("/review/filters/", {"name": "Accused", "query": "verdict=real"})
    assert SavedFilter.objects.get().query == "verdict=real", "the same name is the same filter"
    assert "Accused" in desk.get("/review/").content.decode()
    other = Client()
    other.force_login(UserFactory(is_staff=True, is_superuser=True))
    assert "Accused" not in other.get("/review/").content.decode()
    assert other.post(f"/review/filters/{saved.pk}/delete/").status_code == 404
    assert desk.post(f"/review/filters/{saved.pk}/delete/").status_code == 302
    assert not SavedFilter.objects.exists()


def test_there_is_room_for_so_many_filters(desk: Client, anna: User) -> None:
    SavedFilter.objects.bulk_create(SavedFilter(user=anna, name=str(at), query="") for at in range(20))
    desk.post("/review/filters/", {"name": "One more", "query": ""})
    assert SavedFilter.objects.count() == 20
    assert "Delete one first" in desk.get("/review/").content.decode()


def test_assigning_to_me_to_others_and_back(desk: Client, anna: User, some: list[Scan]) -> None:
    ben = UserFactory(username="ben", is_staff=True, is_superuser=True)
    case = ReviewCase.objects.get(pk=some[1].pk)

    def assign(to: object) -> str:
        response = desk.post(f"/review/{case.pk}/assign/", {"to": to, "queue": "verdict=fake"})
        assert response["Location"] == "/review/?verdict=fake"
        case.refresh_from_db()
        return str(case.assignee)

    assert assign("me") == "anna"
    assert assign(ben.pk) == "ben"
    assert assign(UserFactory().pk) == "ben", "who may not decide is given nothing"
    assert assign("nonsense") == "ben"
    assert "may not review" in desk.get("/review/").content.decode()
    assert assign("") == "None"


def test_deciding_and_back_to_the_queue(desk: Client, anna: User, some: list[Scan]) -> None:
    scan = some[1]
    page = desk.get(f"/scans/{scan.pk}/?queue=verdict%3Dfake").content.decode()
    assert 'name="queue" value="verdict=fake"' in page
    told = {"decision": "confirmed_genuine", "note": "The lips fit", "at": "0:03,5", "person": ""}
    response = desk.post(f"/review/{scan.pk}/decide/", {**told, "queue": "verdict=fake"})
    assert response["Location"] == "/review/?verdict=fake"
    review = Review.objects.get()
    assert (review.decision, review.note, review.at_s) == ("confirmed_genuine", "The lips fit", 3.5)
    assert review.reviewer == anna
    page = desk.get(f"/scans/{scan.pk}/").content.decode()
    assert "Strong evidence of manipulation" in page, "the verdict stays"
    assert "This overrules the detector" in page
    assert "Settled: Confirmed genuine." in page
    assert "The lips fit" in page


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"decision": "nonsense"},
        {"decision": "cannot_tell", "at": "soon"},
        {"decision": "cannot_tell", "at": "99:00"},
        {"decision": "cannot_tell", "at": "1:2:3:4"},
        {"decision": "cannot_tell", "person": "7"},
    ],
)
def test_a_decision_that_is_none_is_told_and_kept_in_the_form(
    wrong: dict[str, str], desk: Client, some: list[Scan]
) -> None:
    response = desk.post(f"/review/{some[1].pk}/decide/", {"note": "What I typed", **wrong})
    assert response.status_code == 422
    assert "What I typed" in response.content.decode()
    assert 'role="alert"' in response.content.decode()
    assert not Review.objects.exists()


def test_disagreement_is_shown_to_reviewers_and_not_to_others(
    desk: Client, owner: Client, done: Scan, settings: Any
) -> None:
    settings.REVIEW_SECOND_LOOK = True
    record_review(scan=done, reviewer=UserFactory(), decision="confirmed_fake", note="")
    assert "not finished with it" in owner.get(f"/scans/{done.pk}/").content.decode()
    assert "waits for a second look" in desk.get(f"/scans/{done.pk}/").content.decode()
    record_review(scan=done, reviewer=UserFactory(), decision="confirmed_genuine", note="")
    assert "Those who looked disagree" in desk.get(f"/scans/{done.pk}/").content.decode()
    assert "Reviewers disagree" in desk.get("/review/?look=3").content.decode()
    page = owner.get(f"/scans/{done.pk}/").content.decode()
    assert "disagree" not in page
    assert "Confirmed" not in page
    record_review(scan=done, reviewer=UserFactory(), decision="confirmed_fake", note="")
    assert "Confirmed fake" in owner.get(f"/scans/{done.pk}/").content.decode()


def test_owners_have_no_form_to_decide(owner: Client, done: Scan) -> None:
    assert "data-decide" not in owner.get(f"/scans/{done.pk}/").content.decode()


def test_a_teams_reviewer_works_with_its_cases_alone(desk: Client, done: Scan, some: list[Scan]) -> None:
    people = give_to_team(done)
    reviewer, viewer = Client(), Client()
    reviewer.force_login(people["reviewer"])
    viewer.force_login(people["viewer"])
    assert names(reviewer) == ["speech.mp4"]
    assert names(reviewer, f"team={done.team_id}") == ["speech.mp4"]
    assert names(desk, f"team={done.team_id}") == ["speech.mp4"]
    assert len(names(desk)) == 4
    home = reviewer.get("/about/").content.decode()
    assert re.search(r'href="/review/">Review <span class="count num">1<', home)
    assert "/review/" not in viewer.get("/about/").content.decode()
    page = reviewer.get(f"/scans/{done.pk}/").content.decode()
    assert "data-decide" in page
    assert "data-decide" not in viewer.get(f"/scans/{done.pk}/").content.decode()
    assert reviewer.post(f"/review/{some[0].pk}/decide/", {"decision": "cannot_tell"}).status_code == 404
    response = reviewer.post(f"/review/{done.pk}/decide/", {"decision": "confirmed_fake", "queue": ""})
    assert response["Location"] == "/review/?"
    assert ReviewCase.objects.get(pk=done.pk).outcome == "confirmed_fake"
    assert "Nothing waits for you" in reviewer.get("/review/").content.decode()
    for client, figures in ((reviewer, 1), (desk, 1)):
        page = client.get(f"/review/figures/?team={done.team_id}").content.decode()
        assert f'<td class="num figure-n">{figures}</td>' in page
