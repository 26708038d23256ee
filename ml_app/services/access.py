"""The one place that says who may do what. Pages, the admin's verbs and the API ask here.

Whatever a person may not see does not exist for them; what they may see and not change is refused.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.contrib.sessions.backends.base import SessionBase

from ml_app.audit import who
from ml_app.models import Batch, BatchQuerySet, Scan, ScanQuerySet, Video, VideoQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User

VISITOR_KEY = who.VISITOR_KEY


class Act(StrEnum):
    """What can be done to a scan."""

    SEE = "see"
    CANCEL = "cancel"
    RERUN = "rerun"
    DELETE = "delete"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks."""

    owner: str = ""  # "user:<pk>" or "visitor:<token>"; empty for a visitor who never uploaded
    user: User | None = None  # the account, if there is one

    @property
    def is_staff(self) -> bool:
        """Whether everybody's scans may be seen."""
        return self.user is not None and self.user.is_active and self.user.is_staff


def owner_of_user(user: User) -> str:
    """The owner of what an account uploads."""
    return f"user:{user.pk}"


def owner_of_session(session: SessionBase) -> str:
    """The owner that a visitor without an account is; empty if they never uploaded."""
    token = session.get(VISITOR_KEY)
    return f"visitor:{token}" if token else ""


def make_visitor(session: SessionBase) -> str:
    """The same for one who uploads now. Only here does a visitor get a session, and with it a cookie."""
    if not session.get(VISITOR_KEY):
        session[VISITOR_KEY] = secrets.token_urlsafe(24)
    session.modified = True  # each upload renews the cookie that the history hangs on
    return owner_of_session(session)


def visible_scans(actor: Actor) -> ScanQuerySet:
    """The scans that somebody may see, with their videos."""
    if not actor.owner and not actor.is_staff:
        return Scan.objects.none()
    found = Scan.objects.visible_to(owner=actor.owner, is_staff=actor.is_staff)
    return found.select_related("video")


def visible_videos(actor: Actor) -> VideoQuerySet:
    """The videos that somebody may see."""
    if not actor.owner and not actor.is_staff:
        return Video.objects.none()
    return Video.objects.visible_to(owner=actor.owner, is_staff=actor.is_staff)


def visible_batches(actor: Actor) -> BatchQuerySet:
    """The batches that somebody may see."""
    if not actor.owner and not actor.is_staff:
        return Batch.objects.none()
    return Batch.objects.visible_to(owner=actor.owner, is_staff=actor.is_staff)


def may(actor: Actor, act: Act, subject: Scan | Video | Batch) -> bool:
    """Whether somebody may do this to a scan, to a video with all its scans, or to a batch."""
    is_owner = bool(actor.owner) and subject.owner == actor.owner
    if act is Act.DELETE:  # that staff may see it is not enough
        return is_owner
    if act is Act.REVIEW:
        return actor.is_staff and actor.user is not None and actor.user.has_perm("ml_app.add_review")
    return is_owner or actor.is_staff
