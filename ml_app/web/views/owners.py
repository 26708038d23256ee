"""Who asks. A visitor is known by a token in the session, which the first upload makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import Http404, HttpRequest

from ml_app import services
from ml_app.models import Scan, Team, Video
from ml_app.services import access
from ml_app.services.access import Act, Actor

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def user_of(request: HttpRequest) -> User | None:
    """The account that is logged in, if one is."""
    return request.user if request.user.is_authenticated else None


def actor_of(request: HttpRequest) -> Actor:
    """Whoever asks, for the place that says who may do what."""
    user = user_of(request)
    return access.actor_of_user(user) if user else Actor(access.owner_of_session(request.session))


def owner_of(request: HttpRequest) -> str:
    """The owner whose rows the request may see; empty for a visitor who never uploaded."""
    return actor_of(request).owner


def make_owner(request: HttpRequest) -> str:
    """The owner of what the request uploads."""
    user = user_of(request)
    if user is not None:
        request.session.modified = True  # each upload renews the cookie that the history hangs on
        return access.owner_of_user(user)
    return access.make_visitor(request.session)


def claim(sender: Any, request: HttpRequest | None, user: User, **extra: Any) -> None:
    """Whoever logs in keeps what they analysed in this browser before. Hears Django's `user_logged_in`.

    That signal is the one place that every way of logging in passes, the admin's form among them.
    """
    visitor = access.owner_of_session(request.session) if request is not None else ""
    if request is not None and visitor:
        services.claim_videos(visitor=visitor, user=user)
        del request.session[access.VISITOR_KEY]


def teams_of(request: HttpRequest) -> list[Team]:
    """The teams that whoever asks may give scans to: read once for all forms of a page."""
    known: list[Team] | None = getattr(request, "_teams", None)
    if known is None:
        known = list(access.teams_to_order_for(actor_of(request)))
        request._teams = known  # type: ignore[attr-defined]
    return known


def scan_or_404(request: HttpRequest, scan_id: UUID, act: Act = Act.SEE) -> Scan:
    """A scan that the request may see, and do this to. For anyone else it does not exist."""
    actor = actor_of(request)
    scan = access.visible_scan(actor, scan_id)
    if scan is None or not access.may(actor, act, scan):
        raise Http404("no such scan")
    return scan


def video_or_404(request: HttpRequest, video_id: UUID, act: Act = Act.SEE) -> Video:
    """A video that the request may see, and do this to. For anyone else it does not exist."""
    actor = actor_of(request)
    video = access.visible_videos(actor).filter(pk=video_id).first()
    if video is None or not access.may(actor, act, video):
        raise Http404("no such video")
    return video
