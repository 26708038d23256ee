"""What the head of every page says of what waits for its reader."""

from __future__ import annotations

from typing import Any

from django import template

from ml_app.services import access
from ml_app.services.access import Actor
from ml_app.services.notifications import notices
from ml_app.services.reviews import reviewing

register = template.Library()
MOST = 99  # more are told as "99+"


@register.simple_tag(takes_context=True)
def review_desk(context: dict[str, Any]) -> str | None:
    """How many cases wait for the reader, "" if none does; None for those who have no desk."""
    actor = _reader(context)
    if actor is None or not reviewing.may_review(actor):
        return None
    return _shortly(reviewing.waiting(actor, at_most=MOST + 1))


@register.simple_tag(takes_context=True)
def unread_notices(context: dict[str, Any]) -> str | None:
    """How many notices the reader has not read, "" if none; None for those who can have none."""
    actor = _reader(context)
    return None if actor is None else _shortly(notices.unread(actor, at_most=MOST + 1))


def _reader(context: dict[str, Any]) -> Actor | None:
    user = getattr(context.get("request"), "user", None)  # the pages of some errors know no request
    return access.actor_of_user(user) if user is not None and user.is_authenticated else None


def _shortly(number: int) -> str:
    return f"{MOST}+" if number > MOST else str(number or "")
