"""Watches: what somebody wants to be told of; notices: what they were told; and e-mails that carry them."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ml_app.models.attempts import AttemptQuerySet
from ml_app.models.scan import Scan
from ml_app.models.team import Team


class Watch(models.Model):
    """Somebody wants to be told of one scan, of what waits in a team's queue, of what a person does, or, with
    none of these named, of whatever waits for a decision.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="watches")
    scan = models.ForeignKey(Scan, models.CASCADE, null=True, related_name="watches")
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="watches")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        related_name="watched_by",
        verbose_name=_("person"),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("watch")
        verbose_name_plural = _("watches")
        default_permissions = ()
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "scan"], name="watch_scan_once"),
            models.UniqueConstraint(fields=["user", "team"], name="watch_team_once"),
            models.UniqueConstraint(fields=["user", "person"], name="watch_person_once"),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(scan=None, team=None, person=None),
                name="watch_everything_once",
            ),
            models.CheckConstraint(
                condition=Q(scan=None, team=None) | Q(scan=None, person=None) | Q(team=None, person=None),
                name="watch_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return str(self.scan or self.team or self.person or _("whatever waits for a decision"))


class NoticeSettings(models.Model):
    """How an account is told of what it watches. One without a row has what the defaults say."""

    class Mail(models.TextChoices):
        OFF = "off", _("no e-mail")
        AT_ONCE = "at_once", _("an e-mail at once")
        DAILY = "daily", _("one e-mail a day")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="notice_settings"
    )
    mail = models.CharField(_("E-mail"), max_length=8, choices=Mail.choices, default=Mail.DAILY)
    on_site = models.BooleanField(_("Notices on this site"), default=True)
    language = models.CharField(max_length=10, blank=True)  # of the e-mails; empty: the site's

    class Meta:
        verbose_name = _("settings of notices")
        verbose_name_plural = verbose_name
        default_permissions = ()

    def __str__(self) -> str:
        return self.get_mail_display()

    @property
    def is_off(self) -> bool:
        """Whether nothing is to be told at all."""
        return not self.on_site and self.mail == self.Mail.OFF


class NoticeMailQuerySet(AttemptQuerySet["NoticeMail"]):
    """E-mails."""


class NoticeMail(models.Model):
    """One e-mail with notices. It is being tried as long as it has a next time."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notice_mails")
    created_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)  # null: sent, or given up
    handed_at = models.DateTimeField(null=True)  # to the mail server, which may have taken it from then on
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    objects: ClassVar[NoticeMailQuerySet] = NoticeMailQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="notice_mail_due")
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Notice(models.Model):
    """Something that somebody was told of a scan."""

    class Event(models.TextChoices):
        DONE = "done", pgettext_lazy("a notice", "Analysed")
        FAILED = "failed", _("Could not be analysed")
        DECIDED = "decided", _("Decided on")
        DISPUTED = "disputed", _("Reviewers disagree")
        ASSIGNED = "assigned", _("Assigned to you")
        WAITS = "waits", _("Waits for a decision")

    FOR_REVIEWERS = (Event.DISPUTED, Event.ASSIGNED, Event.WAITS)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    event = models.CharField(max_length=12, choices=Event.choices)
    scan = models.ForeignKey(Scan, models.CASCADE, related_name="notices_of")
    key = models.CharField(max_length=64, help_text=_("of what happened, so that it is told once"))
    made_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)
    is_to_mail = models.BooleanField(default=False)
    mail = models.ForeignKey(NoticeMail, models.SET_NULL, null=True, related_name="notices")

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        default_permissions = ()
        ordering = ["-made_at", "-pk"]
        indexes = [
            models.Index(fields=["user", "-made_at", "-id"], name="notice_newest"),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notice_unread"),
            models.Index(fields=["user", "made_at"], condition=Q(is_to_mail=True), name="notice_to_mail"),
            models.Index(fields=["made_at"], name="notice_oldest"),
        ]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="notice_once")]

    def __str__(self) -> str:
        return self.get_event_display()


class TellingMark(models.Model):
    """Up to when scans that have ended were looked at for those who watch them: one row."""

    ended_until = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.ended_until.isoformat()
