"""The review desk: which scans wait for whom, who has them, and what decisions make of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from ml_app import audit
from ml_app.audit import Action
from ml_app.audit.who import who_is
from ml_app.errors import refuse
from ml_app.models import (
    Membership,
    Review,
    ReviewCase,
    ReviewCaseQuerySet,
    Scan,
    ScanQuerySet,
    Team,
    TeamQuerySet,
    Verdict,
)
from ml_app.services import access
from ml_app.services.access import Act, Actor
from ml_app.services.notifications import notices

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ENOUGH = 2  # reviewers who decide alike settle a case, where a second look is required
_NEAREST = 99  # urgency of a score that lies on the threshold; 0: as far from it as can be
_BAND = {Verdict.UNCERTAIN.value: 200, Verdict.FAKE.value: 100}
_PERMISSION = "ml_app.add_review"
_BACKEND = "django.contrib.auth.backends.ModelBackend"  # which knows whom a permission was given to


def may_review(actor: Actor) -> bool:
    """Whether somebody has a desk at all: for everybody's scans, or for those of a team."""
    return access.may(actor, Act.REVIEW, None) or bool(access.reviewed_teams(actor))


def cases_for(actor: Actor) -> ReviewCaseQuerySet:
    """The cases that somebody may decide on, open or settled: all of them, or those of their teams."""
    if access.may(actor, Act.REVIEW, None):
        return ReviewCase.objects.all()
    teams = access.reviewed_teams(actor)
    return ReviewCase.objects.filter(team__in=teams) if teams else ReviewCase.objects.none()


def scans_for(actor: Actor) -> ScanQuerySet:
    """The scans whose figures somebody may see: all of them, or those of the teams that they review for."""
    if access.may(actor, Act.REVIEW, None):
        return Scan.objects.of_people()
    teams = access.reviewed_teams(actor)
    return Scan.objects.filter(team__in=teams) if teams else Scan.objects.none()


def teams_with_cases(actor: Actor) -> TeamQuerySet:
    """The teams whose cases somebody may decide on, by name."""
    if access.may(actor, Act.REVIEW, None):
        return Team.objects.all()
    return Team.objects.filter(pk__in=access.reviewed_teams(actor))


def waiting(actor: Actor, *, at_most: int) -> int:
    """How many cases wait for somebody, counted no further than `at_most`."""
    if actor.user is None:
        return 0
    return cases_for(actor).for_reviewer(actor.user.pk).order_by()[:at_most].count()


def reviewers(teams: Collection[int | None]) -> dict[int | None, list[User]]:
    """Whom cases can be given to, by the team that they belong to (None: to none), each list by name."""
    accounts = get_user_model().objects
    everywhere = accounts.with_perm(_PERMISSION, backend=_BACKEND).filter(is_staff=True)
    known = {user.pk: user for user in everywhere}
    found = {team: dict(known) for team in teams}
    members = Membership.objects.filter(
        team__in=[team for team in teams if team is not None],
        role__in=access.reviewing_roles(),
        user__is_active=True,
    )
    for member in members.select_related("user"):
        found[member.team_id].setdefault(member.user_id, member.user)
    return {team: sorted(users.values(), key=lambda user: user.username) for team, users in found.items()}


def urgency_of(*, verdict: str, probability: float | None, threshold: float | None) -> int:
    """How soon a scan should be looked at: the detector's doubts first, then its accusations, then the rest;
    within each the nearer to the threshold, the sooner.
    """
    if probability is None or threshold is None:
        return _BAND.get(verdict, 0)
    farthest = max(threshold, 1.0 - threshold)
    return _BAND.get(verdict, 0) + round(_NEAREST * (1.0 - abs(probability - threshold) / farthest))


def open_case(*, scan: Scan) -> None:
    """A scan has ended, and waits for its first look, once. Nobody needs to decide on the example."""
    if scan.is_example:
        return
    urgency = urgency_of(verdict=scan.verdict, probability=scan.fake_probability, threshold=scan.threshold)
    since = scan.finished_at or timezone.now()
    ReviewCase.objects.get_or_create(
        scan=scan, defaults={"urgency": urgency, "waiting_since": since, "team_id": scan.team_id}
    )


def assign(*, case: ReviewCase, to: User | None, by: User) -> None:
    """Give a case to somebody, or back to all.

    Raises:
        ServiceError: "no_reviewer": they may not decide.
    """
    if to is not None and to not in reviewers([case.team_id])[case.team_id]:
        raise refuse("no_reviewer")
    with transaction.atomic():
        ReviewCase.objects.filter(pk=case.pk).update(assignee=to)
        case.assignee = to
        notices.tell_assignment(case=case, by=by)
        details = {"to": to.get_username() if to else None, "account": to.pk if to else None}
        audit.record(Action.ASSIGNED, case.scan, who=who_is(by), **details)
    case.refresh_from_db()


def record_review(
    *,
    scan: Scan,
    reviewer: User,
    decision: str,
    note: str,
    at_s: float | None = None,
    person: int | None = None,
) -> Review:
    """Keep a person's decision on a finished scan. The detector's verdict stays as it is.

    Args:
        at_s: A moment of the video that shows it, in seconds.
        person: The number of the person that it is about.

    Raises:
        ServiceError: "not_finished", "bad_decision" or "bad_mark".
    """
    if scan.is_active:
        raise refuse("not_finished")
    if decision not in Review.Decision.values:
        raise refuse("bad_decision")
    if not _is_mark(scan, at_s, person):
        raise refuse("bad_mark")
    with transaction.atomic():
        # Locked, so that of two who decide at once the second counts the first.
        Scan.objects.select_for_update().filter(pk=scan.pk).first()
        review = Review.objects.create(
            scan=scan, reviewer=reviewer, decision=decision, note=note.strip(), at_s=at_s, person=person
        )
        needs, outcome = standing(_latest_of_each(scan), second_look=settings.REVIEW_SECOND_LOOK)
        # Whoever had it has decided; the next look is anybody's.
        ReviewCase.objects.filter(pk=scan.pk).update(needs=needs, outcome=outcome, assignee=None)
        notices.tell_decision(review=review, case=ReviewCase.objects.filter(pk=scan.pk).first())
        audit.record(Action.DECIDED, scan, who=who_is(reviewer), decision=decision, review=review.pk)
    return review


def _is_mark(scan: Scan, at_s: float | None, person: int | None) -> bool:
    length = scan.video.duration_s
    in_time = at_s is None or (at_s >= 0.0 and (length is None or at_s <= length + 1.0))
    return in_time and (person is None or scan.faces.filter(number=person).exists())


def _latest_of_each(scan: Scan) -> list[str]:
    """What each reviewer decided last; whoever decided last of all comes last."""
    latest: dict[int, str] = {}
    rows = Review.objects.filter(scan=scan).order_by("created_at", "pk").values_list("reviewer", "decision")
    for reviewer, decision in rows:
        latest.pop(reviewer, None)
        latest[reviewer] = decision
    return list(latest.values())


def standing(decisions: Sequence[str], *, second_look: bool) -> tuple[int, str]:
    """Which look a case waits for (0: none), and what it was settled as ("" while it was not).

    With a second look, a case is settled once two reviewers decide alike: of two who disagree, a third
    decides, and where all three do, another.

    Args:
        decisions: What each reviewer decided last, the latest at the end.
    """
    if not decisions:
        return 1, ""
    if not second_look:
        return 0, decisions[-1]
    most, number = Counter(decisions).most_common(1)[0]
    return (0, most) if number >= ENOUGH else (len(decisions) + 1, "")
