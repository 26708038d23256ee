"""Entries of the audit log: who did what to what. Appended by `ml_app.audit`, and never changed."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar, NoReturn

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ml_app.models.days import in_days

HEX_DIGITS = 64  # of a SHA-256
LONGEST_LABEL = 255


class Action(models.TextChoices):
    """What somebody did. The codes are kept for good, so none is ever renamed."""

    SEEN = "seen", _("saw")
    UPLOADED = "uploaded", _("uploaded")
    ORDERED = "ordered", _("ordered")
    CANCELLED = "cancelled", _("cancelled")
    DECIDED = "decided", _("decided on")
    ASSIGNED = "assigned", _("assigned")
    REPORTED = "reported", _("made the report of")
    EXPORTED = "exported", _("exported")
    PURGED = "purged", _("purged the media of")
    DELETED = "deleted", _("deleted")
    MADE = "made", _("made")
    CHANGED = "changed", _("changed")
    PAUSED = "paused", _("paused")
    RESUMED = "resumed", _("resumed")
    RERUN = "rerun", _("ran again")
    CLAIMED = "claimed", _("took over this browser's scans into")
    WITHDRAWN = "withdrawn", _("withdrew")
    REVOKED = "revoked", _("revoked")
    SIGNED_IN = "signed_in", _("signed in to")
    SIGNED_OUT = "signed_out", _("signed out of")
    SIGN_IN_FAILED = "sign_in_failed", _("failed to sign in to")


class ObjectKind(models.TextChoices):
    """What it was done to."""

    SCAN = "scan", _("scan")
    SCANS = "scans", _("list of scans")
    VIDEO = "video", _("video")
    BATCH = "batch", _("batch")
    ACCOUNT = "account", _("account")
    GROUP = "group", _("group of accounts")
    TEAM = "team", _("team")
    ROLE = "role", _("role")
    SETTING = "setting", _("setting")
    DATA = "data", _("an account's own data")
    PASSWORD = "password", _("password")
    SECOND_FACTOR = "second_factor", _("second factor")
    SESSION = "session", _("session")
    TOKEN = "token", _("token")
    WEBHOOK = "webhook", _("webhook")
    INVITATION = "invitation", _("invitation")
    FILTER = "filter", _("saved filter")
    AUDIT = "audit", _("audit log")


class ActorKind(models.TextChoices):
    """Who did it."""

    ACCOUNT = "account", _("account")
    TOKEN = "token", _("token of an account")
    VISITOR = "visitor", _("visitor")
    NOBODY = "nobody", _("somebody unknown")
    PROCESS = "process", _("program of this site")


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Entries."""

    def of_account(self, pk: Any) -> AuditEntryQuerySet:
        """What an account did, in a browser or by a token."""
        return self.filter(actor_kind__in=[ActorKind.ACCOUNT, ActorKind.TOKEN], actor_id=str(pk))

    def matching(
        self,
        *,
        who: str = "",
        action: str = "",
        kind: str = "",
        about: str = "",
        address: str = "",
        request: str = "",
        since: date | None = None,
        until: date | None = None,
    ) -> AuditEntryQuerySet:
        """Those with these properties; days, both inclusive, are those of the current time zone.

        Args:
            who: An account's name as it was then, or the number that a visitor has in the log.
            about: Number or label of the object, in full: an index answers for each.
        """
        exact = {"action": action, "object_kind": kind, "address": address, "request_id": request}
        found = self.filter(**{name: value for name, value in exact.items() if value})
        found = found.filter(Q(actor_name=who) | Q(actor_id=who)) if who else found
        found = found.filter(Q(object_id=about) | Q(object_label=about)) if about else found
        return found.filter(in_days("at", since, until))

    def update(self, **values: Any) -> NoReturn:
        raise TypeError("The audit log is append-only.")

    def delete(self) -> NoReturn:
        raise TypeError("The audit log is append-only.")


class AuditEntry(models.Model):
    """One deed. No foreign key leads out of it, so that it outlives whatever it tells of.

    The model is not managed: `flush` and Django's TransactionTestCase leave the tables of such models alone,
    and no later migration remakes this one, on SQLite without its triggers. Migration 0013 has the table.
    """

    number = models.BigIntegerField(_("number"), primary_key=True)
    at = models.DateTimeField(_("at"))
    actor_kind = models.CharField(_("kind of actor"), max_length=16)
    actor_id = models.CharField(_("actor"), max_length=64, blank=True)
    actor_name = models.CharField(_("name"), max_length=150, blank=True)
    action = models.CharField(_("action"), max_length=24)
    object_kind = models.CharField(_("kind of object"), max_length=24)
    object_id = models.CharField(_("object"), max_length=64, blank=True)
    object_label = models.CharField(_("label"), max_length=LONGEST_LABEL, blank=True)
    address = models.CharField(_("address"), max_length=45, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    details = models.JSONField(_("details"), default=dict)
    previous_hash = models.CharField(_("hash of the entry before"), max_length=HEX_DIGITS)
    hash = models.CharField(_("hash"), max_length=HEX_DIGITS, unique=True)

    objects: ClassVar[AuditEntryQuerySet] = AuditEntryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        managed = False
        db_table = "ml_app_auditentry"
        default_permissions = ("view",)
        verbose_name = _("entry of the audit log")
        verbose_name_plural = _("audit log")
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.number}: {self.action} {self.object_kind}"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Entries are appended by ml_app.audit.record alone.")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("The audit log is append-only.")

    @property
    def words(self) -> str:
        """What was done, in words; an unknown code as it is."""
        return str(dict(Action.choices).get(self.action, self.action))

    @property
    def kind_words(self) -> str:
        """What kind of object it was done to, in words."""
        return str(dict(ObjectKind.choices).get(self.object_kind, self.object_kind))

    @property
    def actor_words(self) -> str:
        """Who did it, in words."""
        known = self.actor_name or self.actor_id
        kind = str(dict(ActorKind.choices).get(self.actor_kind, self.actor_kind))
        return known if self.actor_kind == ActorKind.ACCOUNT else f"{kind} {known}".rstrip()
