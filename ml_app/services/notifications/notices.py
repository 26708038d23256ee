"""Notices: who is told what of a scan, by what they watch, as far as they may see it.

What is told is noted once for each who is told, by a key of what happened; whether they may see it is asked
when it is noted, again whenever it is shown, and again before it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from ml_app import audit
from ml_app.audit import Action, ObjectKind, Subject
from ml_app.models import (
    Membership,
    Notice,
    NoticeSettings,
    Review,
    ReviewCase,
    Scan,
    Team,
    TellingMark,
    Watch,
)
from ml_app.services import access
from ml_app.services.access import Act, Actor

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Event = Notice.Event
OVERLAP = timedelta(minutes=2)  # a scan's end may be committed later than the time that it says
WINDOW = timedelta(days=1)  # scans that ended longer ago are not told of any more
KEPT = timedelta(days=90)
MOST_WATCHES = 500  # of one account


def may_watch(actor: Actor, subject: Scan | Team | User | None) -> bool:
    """Whether somebody may watch a scan, the queue of a team, a person, or (None) everything that waits."""
    if actor.user is None:
        return False
    if isinstance(subject, Scan):
        return access.may(actor, Act.SEE, subject)
    if isinstance(subject, Team):
        return access.may(actor, Act.REVIEW, None) or subject.pk in access.reviewed_teams(actor)
    if subject is None:
        return access.may(actor, Act.REVIEW, None)
    if subject.pk == actor.user.pk:
        return False
    shared = Membership.objects.filter(user=subject, team__in=list(actor.roles))
    return actor.is_staff or shared.exists()


def watch(*, actor: Actor, subject: Scan | Team | User | None) -> bool:
    """Tell somebody of it from now on. False: they may not, or watch as much as there is room for."""
    user = actor.user
    if user is None or not may_watch(actor, subject) or user.watches.count() >= MOST_WATCHES:
        return False
    Watch.objects.get_or_create(user=user, **_named(subject))
    return True


def watch_of(user: User | None, subject: Scan | Team | None) -> Watch | None:
    """The watch that somebody keeps on it, if they do."""
    return Watch.objects.filter(user=user, **_named(subject)).first() if user else None


def _named(subject: Scan | Team | User | None) -> dict[str, Any]:
    is_person = subject is not None and not isinstance(subject, Scan | Team)
    return {
        "scan": subject if isinstance(subject, Scan) else None,
        "team": subject if isinstance(subject, Team) else None,
        "person": subject if is_person else None,
    }


def settings_of(user: User) -> NoticeSettings:
    """How an account is told; a row that is not saved if it never chose."""
    return NoticeSettings.objects.filter(user=user).first() or NoticeSettings(user=user)


def change_settings(*, user: User, mail: str, on_site: bool, language: str = "") -> None:
    """Keep how an account wants to be told. What waits to be sent goes by the new choice."""
    with transaction.atomic():
        before = settings_of(user)
        values = {"mail": mail, "on_site": on_site, "language": language or before.language}
        NoticeSettings.objects.update_or_create(user=user, defaults=values)
        subject = Subject(ObjectKind.SETTING, str(user.pk), "notices")
        audit.record(Action.CHANGED, subject, mail=mail, on_site=on_site, mail_before=before.mail)


def visible(actor: Actor) -> QuerySet[Notice]:
    """What somebody was told and may still see, the newest first."""
    if actor.user is None or not actor.user.is_active:
        return Notice.objects.none()
    seen = access.visible_scans(actor).filter(pk=OuterRef("scan")).order_by()
    found = Notice.objects.filter(Exists(seen), user=actor.user)
    if not access.may(actor, Act.REVIEW, None):
        for_all = ~Q(event__in=Notice.FOR_REVIEWERS)
        found = found.filter(for_all | Q(scan__team__in=access.reviewed_teams(actor)))
    return found


def unread(actor: Actor, *, at_most: int) -> int:
    """How many of them were not read yet, counted no further than `at_most`."""
    return visible(actor).filter(read_at=None).order_by()[:at_most].count()


def read(*, user: User, scan: Scan | None = None, notice_id: int | None = None) -> None:
    """Somebody has read what they were told: of a scan, one notice, or all of it."""
    found = Notice.objects.filter(user=user, read_at=None)
    found = found.filter(scan=scan) if scan else found
    found = found.filter(pk=notice_id) if notice_id is not None else found
    if found.exists():  # an update takes SQLite's only lock for writing, even where there is nothing to do
        found.update(read_at=timezone.now())


def tell_ended() -> int:
    """Note the scans that have ended since this was last done. Returns how many people were told of one.

    Safe at any time and in several places at once: what was told already is not told again.
    """
    now = timezone.now()
    mark = TellingMark.objects.first()
    since = max(mark.ended_until - OVERLAP, now - WINDOW) if mark else now - OVERLAP
    told = 0
    if Watch.objects.exists():
        ended = Scan.objects.filter(status__in=(Scan.Status.DONE, Scan.Status.FAILED), finished_at__gte=since)
        for scan in ended.select_related("video", "team").order_by("finished_at").iterator():
            told += _tell_ended(scan)
    TellingMark.objects.update_or_create(pk=1, defaults={"ended_until": now})
    return told


def _tell_ended(scan: Scan) -> int:
    is_done = scan.status == Scan.Status.DONE
    told: dict[User, str] = {}
    for row in _watches(scan):
        of_queue = row.scan_id is None and row.person_id is None
        actor = access.actor_of_user(row.user)
        if of_queue and is_done and access.may(actor, Act.REVIEW, scan):
            told[row.user] = Event.WAITS
        elif not of_queue and access.may(actor, Act.SEE, scan):
            told.setdefault(row.user, Event.DONE if is_done else Event.FAILED)
    return _note(scan, ((user, event, f"ended:{scan.pk}") for user, event in told.items()))


def tell_decision(*, review: Review, case: ReviewCase | None) -> None:
    """Note a decision for those who watch the scan, its owner, its queue or whoever decided.

    Reviewers are told of each decision, others once the case is settled: before that, it is none for them.
    Call it in the transaction of the decision.
    """
    scan, told = review.scan, set[tuple["User", str, str]]()
    for row in _watches(scan, decided_by=review.reviewer_id):
        actor = access.actor_of_user(row.user)
        decides = access.may(actor, Act.REVIEW, scan)
        of_queue = row.scan_id is None and row.person_id is None
        if row.user_id == review.reviewer_id or not (decides or access.may(actor, Act.SEE, scan)):
            continue
        if decides and case is not None and case.is_disputed:
            told.add((row.user, Event.DISPUTED, f"decided:{review.pk}"))
        elif of_queue:
            if decides and case is not None and case.is_open:
                told.add((row.user, Event.WAITS, f"decided:{review.pk}"))
        elif decides or (case is not None and not case.is_open and row.person_id != review.reviewer_id):
            told.add((row.user, Event.DECIDED, f"decided:{review.pk}"))
    _note(scan, told)


def tell_assignment(*, case: ReviewCase, by: User) -> None:
    """Note for somebody that a case was given to them by somebody else. In the transaction of it."""
    to = case.assignee
    if to is not None and to != by:
        moment = f"{timezone.now():%Y%m%d%H%M%S%f}"
        _note(case.scan, [(to, Event.ASSIGNED, f"a:{case.pk}:{moment}")])


def forget_old() -> int:
    """Delete the notices of long ago. Returns how many."""
    return Notice.objects.filter(made_at__lt=timezone.now() - KEPT).delete()[0]


def _watches(scan: Scan, decided_by: int | None = None) -> QuerySet[Watch]:
    wanted = Q(scan=scan) | Q(scan=None, team=None, person=None)
    if scan.team_id is not None:
        wanted |= Q(team=scan.team_id)
    people = {number for number in (access.account_of(scan.owner), decided_by) if number is not None}
    if people:
        wanted |= Q(person__in=people)
    return Watch.objects.filter(wanted, user__is_active=True).select_related("user")


def _note(scan: Scan, told: Iterable[tuple[User, str, str]]) -> int:
    told = list(told)
    chosen = NoticeSettings.objects.in_bulk([user.pk for user, _, _ in told])
    rows = []
    for user, event, key in told:
        how = chosen.get(user.pk) or NoticeSettings(user=user)
        if not how.is_off:
            by_mail = how.mail != NoticeSettings.Mail.OFF
            rows.append(Notice(user=user, event=event, scan=scan, key=key, is_to_mail=by_mail))
    Notice.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
