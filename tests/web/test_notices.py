"""Watching: who is told what, on the site and by e-mail, and never more than they may see."""

from __future__ import annotations

import re
from datetime import timedelta
from smtplib import SMTPDataError, SMTPServerDisconnected
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from ml_app.models import AuditEntry, Membership, Notice, NoticeMail, NoticeSettings, Scan, Watch
from ml_app.services import access
from ml_app.services.notifications import notice_mail, notices
from ml_app.services.notifications.notices import tell_ended, watch
from ml_app.services.reviews import reviewing
from tests.factories import ScanFactory, UserFactory, give_to_team

pytestmark = pytest.mark.django_db
People = dict[str, User]


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def people(done: Scan) -> People:
    """Those of the team that the scan was given to."""
    people: People = give_to_team(done)
    User.objects.filter(pk__in=[user.pk for user in people.values()]).update(email="x@example.org")
    for user in people.values():
        user.refresh_from_db()
    return people


def told(user: User) -> list[str]:
    actor = access.actor_of_user(User.objects.get(pk=user.pk))
    return sorted(notices.visible(actor).values_list("event", flat=True))


def sent() -> list[str]:
    """What the sweeper and a worker do about what is due. The e-mails that went out."""
    notice_mail.gather()
    before = len(mail.outbox)
    for pk in NoticeMail.objects.due().values_list("pk", flat=True):
        notice_mail.send(str(pk))
    return [str(each.body) for each in mail.outbox[before:]]


def by_mail(user: User, how: str = "at_once") -> None:
    notices.change_settings(user=user, mail=how, on_site=True)


def test_a_scan_that_ends_is_told_to_those_who_watch(people: People, done: Scan) -> None:
    team, owner, viewer = done.team, people["owner"], people["viewer"]
    actors = {who: access.actor_of_user(user) for who, user in people.items()}
    assert team is not None
    assert watch(actor=actors["viewer"], subject=done)
    assert watch(actor=actors["analyst"], subject=owner)
    assert watch(actor=actors["reviewer"], subject=team)
    assert watch(actor=actors["reviewer"], subject=done)
    for who, subject in (("other team", done), ("other team", team), ("viewer", team), ("viewer", viewer)):
        assert not watch(actor=actors[who], subject=subject), who
    assert not watch(actor=actors["other team"], subject=owner)
    assert not watch(actor=actors["administrator"], subject=None)
    assert tell_ended() == 3
    assert [told(people[who]) for who in ("viewer", "analyst", "reviewer")] == [["done"], ["done"], ["waits"]]
    tell_ended()
    assert Notice.objects.count() == 3, "what was told is not told again"
    failed = ScanFactory(failed=True, video__owner=owner_of(owner), video__team=team, team=team)
    tell_ended()
    assert told(people["analyst"]) == ["done", "failed"]
    assert not Notice.objects.filter(scan=failed).exclude(user=people["analyst"]).exists()


def owner_of(user: User) -> str:
    return access.owner_of_user(user)


def test_decisions_are_told_as_far_as_they_may_be_known(people: People, done: Scan, settings: Any) -> None:
    settings.REVIEW_SECOND_LOOK = True
    for who in ("viewer", "reviewer", "administrator"):
        watch(actor=access.actor_of_user(people[who]), subject=done)
    watch(actor=access.actor_of_user(people["administrator"]), subject=done.team)
    watch(actor=access.actor_of_user(people["analyst"]), subject=people["reviewer"])
    anna = UserFactory(is_staff=True, is_superuser=True)

    def decide(by: User, decision: str) -> None:
        reviewing.record_review(scan=done, reviewer=by, decision=decision, note="")

    decide(people["reviewer"], "confirmed_fake")
    assert told(people["viewer"]) == [], "it is not settled"
    assert told(people["reviewer"]) == [], "nobody is told of what they did"
    assert told(people["administrator"]) in (["decided"], ["waits"])
    decide(anna, "confirmed_genuine")
    assert told(people["reviewer"]) == ["disputed"]
    decide(people["administrator"], "confirmed_genuine")
    assert told(people["viewer"]) == ["decided"]
    assert told(people["analyst"]) == [], "who decided is for reviewers to know"
    assert len(told(people["reviewer"])) == 2


def test_an_assignment_is_told_by_others_alone(people: People, done: Scan) -> None:
    to, by = people["reviewer"], people["administrator"]
    case = reviewing.ReviewCase.objects.get(pk=done.pk)
    reviewing.assign(case=case, to=to, by=to)
    assert told(to) == []
    reviewing.assign(case=case, to=to, by=by)
    assert told(to) == ["assigned"]
    Membership.objects.filter(user=to).update(role="viewer")
    assert told(to) == [], "a role that decides no longer is told no longer"


def test_the_page_and_what_was_read(people: People, done: Scan) -> None:
    client = browser(people["viewer"])
    assert "Watch this scan" in client.get(f"/scans/{done.pk}/").content.decode()
    assert client.post(f"/scans/{done.pk}/watch/").status_code == 302
    assert "Watch this scan no longer" in client.get(f"/scans/{done.pk}/").content.decode()
    tell_ended()
    page = client.get("/notices/").content.decode()
    assert "speech.mp4" in page and 'class="unread"' in page
    assert 'Notices <span class="count num">1<' in page
    client.post("/notices/read/")
    assert 'class="unread"' not in client.get("/notices/").content.decode()
    Notice.objects.update(read_at=None)
    client.get(f"/scans/{done.pk}/")
    assert not Notice.objects.filter(read_at=None).exists(), "whoever sees the scan has read it"
    kept = Watch.objects.get()
    assert browser(people["analyst"]).post(f"/notices/watches/{kept.pk}/stop/").status_code == 404
    assert "speech.mp4" in client.get("/notices/settings/").content.decode()
    client.post(f"/notices/watches/{kept.pk}/stop/")
    assert not Watch.objects.exists()
    Membership.objects.filter(user=people["viewer"]).delete()
    assert "speech.mp4" not in browser(people["viewer"]).get("/notices/").content.decode()


def test_an_e_mail_at_once_and_a_link_that_stops_it(people: People, done: Scan, newcomer: Client) -> None:
    user = people["viewer"]
    watch(actor=access.actor_of_user(user), subject=done)
    by_mail(user)
    tell_ended()
    (body,) = sent()
    assert f"Analysed: speech.mp4\nhttp://127.0.0.1:8000/scans/{done.pk}/" in body
    assert sent() == [], "it is sent once"
    headers = mail.outbox[0].extra_headers
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.search(r"<http://127.0.0.1:8000(/notices/stop/.*)>", headers["List-Unsubscribe"])
    assert link is not None
    assert "Turn them off" in newcomer.get(link[1]).content.decode()
    assert NoticeSettings.objects.get().mail == "at_once", "looking at it changes nothing"
    assert newcomer.post(link[1], {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert NoticeSettings.objects.get().mail == "off"
    assert newcomer.post(link[1][:-2] + "x/").status_code == 404
    entry = AuditEntry.objects.first()
    assert entry is not None and (entry.object_kind, entry.details["mail"]) == ("setting", "off")


@pytest.mark.parametrize("way", ["left", "off", "read", "inactive", "unknown", "deleted"])
def test_what_may_not_be_told_any_more_is_not_sent(way: str, people: People, done: Scan) -> None:
    user = people["viewer"]
    watch(actor=access.actor_of_user(user), subject=done)
    by_mail(user)
    tell_ended()
    notice_mail.gather()
    if way == "left":
        Membership.objects.filter(user=user).delete()
    elif way == "off":
        by_mail(user, "off")
    elif way == "read":
        notices.read(user=user)
    elif way == "deleted":
        done.delete()
    else:
        User.objects.filter(pk=user.pk).update(
            **({"is_active": False} if way == "inactive" else {"email": ""})
        )
    assert sent() == []
    assert not NoticeMail.objects.due().exists()


def test_a_digest_comes_once_a_day(people: People, done: Scan) -> None:
    user = people["viewer"]
    watch(actor=access.actor_of_user(user), subject=done)
    tell_ended()
    assert sent() == [], "a day is what those get who chose nothing"
    Notice.objects.update(made_at=timezone.now() - timedelta(days=1, minutes=1))
    (body,) = sent()
    assert "speech.mp4" in body
    assert sent() == []


@pytest.mark.parametrize(
    ("error", "is_tried_again"),
    [(SMTPDataError(451, b"later"), True), (SMTPServerDisconnected("gone"), False)],
)
def test_a_refusal_is_tried_again_and_silence_is_not(
    error: Exception, is_tried_again: bool, people: People, done: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.mail.backends import locmem

    user = people["viewer"]
    watch(actor=access.actor_of_user(user), subject=done)
    by_mail(user)
    tell_ended()

    def refuse(self: Any, messages: Any) -> int:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(locmem.EmailBackend, "send_messages", refuse)
        assert sent() == []
    row = NoticeMail.objects.get()
    assert (row.next_at is not None) == is_tried_again
    NoticeMail.objects.filter(next_at__isnull=False).update(next_at=timezone.now())
    assert bool(sent()) == is_tried_again


def test_one_whose_worker_died_while_sending_is_not_sent_again(people: People, done: Scan) -> None:
    user = people["viewer"]
    watch(actor=access.actor_of_user(user), subject=done)
    by_mail(user)
    tell_ended()
    notice_mail.gather()
    NoticeMail.objects.update(handed_at=timezone.now(), attempts=1)
    assert sent() == []
    assert NoticeMail.objects.get().error == "unknown whether it was sent"


def test_an_account_that_wants_nothing_is_told_nothing(people: People, done: Scan) -> None:
    client = browser(people["viewer"])
    client.post(f"/scans/{done.pk}/watch/")
    assert client.post("/notices/settings/", {"mail": "off"}).status_code == 302
    tell_ended()
    assert not Notice.objects.exists()
