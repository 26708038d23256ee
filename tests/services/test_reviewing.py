"""What waits for a decision, whose it is, and what decisions make of it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User

from ml_app.errors import ServiceError
from ml_app.models import AuditEntry, Review, ReviewCase, Scan
from ml_app.services import access
from ml_app.services.access import Actor
from ml_app.services.reviews import reviewing
from ml_app.services.reviews.reviewing import assign, record_review, standing, urgency_of
from tests.factories import ScanFactory, UserFactory, add_face, give_to_team

pytestmark = pytest.mark.django_db
FAKE, GENUINE, UNKNOWN, OTHER = "confirmed_fake", "confirmed_genuine", "cannot_tell", "not_a_face_video"


def reviewer(name: str) -> User:
    user: User = UserFactory(username=name, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="add_review"))
    return user


def decide(scan: Scan, by: User, decision: str = FAKE, **values: Any) -> ReviewCase:
    record_review(scan=scan, reviewer=by, decision=decision, note="", **values)
    return ReviewCase.objects.get(pk=scan.pk)


@pytest.mark.parametrize(
    ("decisions", "once", "twice"),
    [
        ([], (1, ""), (1, "")),
        ([FAKE], (0, FAKE), (2, "")),
        ([FAKE, FAKE], (0, FAKE), (0, FAKE)),
        ([FAKE, GENUINE], (0, GENUINE), (3, "")),
        ([FAKE, GENUINE, FAKE], (0, FAKE), (0, FAKE)),
        ([FAKE, GENUINE, UNKNOWN], (0, UNKNOWN), (4, "")),
        ([FAKE, GENUINE, UNKNOWN, OTHER], (0, OTHER), (5, "")),
        ([FAKE, GENUINE, UNKNOWN, GENUINE], (0, GENUINE), (0, GENUINE)),
    ],
)
def test_two_who_decide_alike_settle_it(decisions: list[str], once: Any, twice: Any) -> None:
    assert standing(decisions, second_look=False) == once
    assert standing(decisions, second_look=True) == twice


def test_doubts_come_first_then_accusations() -> None:
    uncertain = [urgency_of(verdict="uncertain", probability=p, threshold=0.5) for p in (0.5, 0.42)]
    fake = [urgency_of(verdict="fake", probability=p, threshold=0.5) for p in (0.61, 0.99)]
    real = [urgency_of(verdict="real", probability=p, threshold=0.5) for p in (0.39, 0.01)]
    nothing = urgency_of(verdict="not_analysable", probability=None, threshold=None)
    order = [*uncertain, *fake, *real, nothing]
    assert order == sorted(order, reverse=True)
    assert len(set(order[:-1])) == 6


def test_the_queue_is_for_those_who_may_decide() -> None:
    scan = ScanFactory(done=True)
    anna, plain = reviewer("anna"), UserFactory(is_staff=True)
    no_staff = reviewer("ben")
    no_staff.is_staff = False
    no_staff.save()
    for user, sees in ((anna, True), (plain, False), (no_staff, False), (None, False)):
        actor = Actor(access.owner_of_user(user), user) if user else Actor("visitor:a")
        assert reviewing.cases_for(actor).filter(pk=scan.pk).exists() == sees
    assert reviewing.reviewers([None]) == {None: [anna]}
    assert reviewing.waiting(access.actor_of_user(anna), at_most=9) == 1


def test_a_teams_reviewers_have_its_cases_and_no_others() -> None:
    given, alone = ScanFactory(done=True, video__owner="user:0"), ScanFactory(done=True)
    people = give_to_team(given)
    anna = reviewer("anna")
    for who, sees in (
        ("owner", False),
        ("viewer", False),
        ("analyst", False),
        ("reviewer", True),
        ("administrator", True),
        ("other team", False),
    ):
        actor = access.actor_of_user(people[who])
        found = {case.pk for case in reviewing.cases_for(actor)}
        assert found == ({given.pk} if sees else set()), who
        assert {scan.pk for scan in reviewing.scans_for(actor)} == found, who
        assert reviewing.waiting(actor, at_most=9) == len(found)
    able = reviewing.reviewers([None, given.team_id])
    assert able[None] == [anna]
    assert set(able[given.team_id]) == {anna, people["reviewer"], people["administrator"]}
    case = ReviewCase.objects.get(pk=given.pk)
    assign(case=case, to=people["administrator"], by=people["reviewer"])
    for to, of in ((people["analyst"], case), (people["reviewer"], ReviewCase.objects.get(pk=alone.pk))):
        with pytest.raises(ServiceError):
            assign(case=of, to=to, by=anna)


def test_one_decision_settles_it_and_the_verdict_stays() -> None:
    scan, anna = ScanFactory(done=True), reviewer("anna")
    case = decide(scan, anna, GENUINE)
    assert (case.needs, case.outcome) == (0, GENUINE)
    scan.refresh_from_db()
    assert (scan.verdict, scan.fake_probability) == ("fake", 0.93)


def test_a_second_look_is_somebody_elses(settings: Any) -> None:
    settings.REVIEW_SECOND_LOOK = True
    scan = ScanFactory(done=True)
    anna, ben, cleo = (reviewer(name) for name in ("anna", "ben", "cleo"))

    def waits_for() -> list[str]:
        waiting = ReviewCase.objects.for_reviewer
        return [user.username for user in (anna, ben, cleo) if waiting(user.pk).filter(pk=scan.pk).exists()]

    assert waits_for() == ["anna", "ben", "cleo"]
    assert decide(scan, anna).needs == 2
    assert waits_for() == ["ben", "cleo"]
    assert decide(scan, anna).needs == 2, "the same person looking twice is no second look"
    case = decide(scan, ben, GENUINE)
    assert (case.needs, case.is_disputed) == (3, True)
    assert waits_for() == ["cleo"]
    case = decide(scan, cleo, GENUINE)
    assert (case.needs, case.outcome) == (0, GENUINE)
    assert waits_for() == []
    assert Review.objects.filter(scan=scan).count() == 4, "none was changed"


def test_a_change_of_mind_can_settle_a_dispute(settings: Any) -> None:
    settings.REVIEW_SECOND_LOOK = True
    scan, anna, ben = ScanFactory(done=True), reviewer("anna"), reviewer("ben")
    decide(scan, anna)
    decide(scan, ben, GENUINE)
    assert decide(scan, anna, GENUINE).outcome == GENUINE


def test_assigning() -> None:
    scan, anna, ben = ScanFactory(done=True), reviewer("anna"), reviewer("ben")
    case = ReviewCase.objects.get(pk=scan.pk)
    assign(case=case, to=ben, by=anna)
    assert case.assignee == ben
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.action, entry.actor_name, entry.details["to"]) == ("assigned", "anna", "ben")
    with pytest.raises(ServiceError) as refused:
        assign(case=case, to=UserFactory(is_staff=True), by=anna)
    assert refused.value.code == "no_reviewer"
    assert decide(scan, ben).assignee is None, "whoever had it has decided"


@pytest.mark.parametrize(
    ("mark", "good"),
    [
        ({"at_s": 3.5}, True),
        ({"at_s": 0.0, "person": 1}, True),
        ({"at_s": 80.0}, False),
        ({"at_s": -1.0}, False),
        ({"person": 2}, False),
    ],
)
def test_a_mark_lies_within_the_video_and_on_somebody(mark: dict[str, Any], good: bool) -> None:
    scan, anna = ScanFactory(done=True), reviewer("anna")
    add_face(scan, number=1, frames=1)
    if good:
        decide(scan, anna, **mark)
        review = Review.objects.get()
        assert (review.at_s, review.person) == (mark.get("at_s"), mark.get("person"))
    else:
        with pytest.raises(ServiceError) as refused:
            decide(scan, anna, **mark)
        assert refused.value.code == "bad_mark"
        assert not Review.objects.exists()


def test_scans_of_before_the_queue_are_in_it_after_the_update() -> None:
    anna = reviewer("anna")
    made = [ScanFactory(done=True), ScanFactory(done=True, verdict="uncertain", fake_probability=0.5)]
    made.append(ScanFactory(done=True, verdict="not_analysable", fake_probability=None))
    ScanFactory(running=True)
    Review.objects.create(scan=made[0], reviewer=anna, decision=FAKE)
    Review.objects.create(scan=made[0], reviewer=anna, decision=GENUINE)
    as_made = {case.pk: case.urgency for case in ReviewCase.objects.all()}
    ReviewCase.objects.all().delete()
    import_module("ml_app.migrations.0017_open_cases").open_cases(apps, None)
    cases = {case.pk: case for case in ReviewCase.objects.all()}
    assert {pk: case.urgency for pk, case in cases.items()} == as_made, "the rule of both is the same"
    assert (cases[made[0].pk].needs, cases[made[0].pk].outcome) == (0, GENUINE)
    assert [cases[scan.pk].needs for scan in made[1:]] == [1, 1]
    assert cases[made[1].pk].waiting_since == made[1].finished_at
