"""What something was done to, in words that outlive it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, User
from django.db.models import Model

from ml_app.models import ApiToken, Batch, Invitation, Membership, Scan, Team, Video, Webhook
from ml_app.models.audit_entry import ObjectKind


@dataclass(frozen=True, slots=True)
class Subject:
    """An object: its kind, its number if it has one, and what people call it."""

    kind: str
    id: str = ""
    label: str = ""


_KINDS: tuple[tuple[type[Model], ObjectKind, Callable[[Any], str]], ...] = (
    (Scan, ObjectKind.SCAN, lambda scan: scan.video.original_name),
    (Video, ObjectKind.VIDEO, lambda video: video.original_name),
    (Batch, ObjectKind.BATCH, lambda batch: batch.name),
    (User, ObjectKind.ACCOUNT, lambda user: user.get_username()),
    (Group, ObjectKind.GROUP, lambda group: group.name),
    (ApiToken, ObjectKind.TOKEN, lambda token: token.prefix),
    (Webhook, ObjectKind.WEBHOOK, lambda webhook: urlsplit(webhook.url).hostname or ""),
    (UserSession, ObjectKind.SESSION, lambda session: session.user.get_username()),
    (Team, ObjectKind.TEAM, lambda team: team.name),
    (Membership, ObjectKind.ROLE, lambda member: f"{member.user.get_username()}, {member.team.name}"),
    (Invitation, ObjectKind.INVITATION, lambda invitation: ""),
)


def subject_of(row: Model) -> Subject:
    """A row as the log names it. Ask before it is deleted, or its number is gone.

    An invitation has no label: it would be somebody's address. Of a webhook's address, the host is enough.

    Raises:
        TypeError: The log has no name for such rows.
    """
    kind, label = _named(row)
    return Subject(kind, str(row.pk), label)


def _named(row: Model) -> tuple[ObjectKind, str]:
    for model, kind, label in _KINDS:
        if isinstance(row, model):
            return kind, label(row)
    raise TypeError(f"The audit log has no name for a {type(row).__name__}")
