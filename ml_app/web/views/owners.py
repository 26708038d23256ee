"""Who asks. A visitor is known by a token in the session, which the first upload makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import Http404, HttpRequest

from ml_app import services
from ml_app.models import Scan, Video
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
    if user is not None:
        return Actor(access.owner_of_user(user), user)
    return Actor(access.owner_of_session(request.session))


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


def scan_or_404(request: HttpRequest, scan_id: UUID) -> Scan:
    """A scan that the request may see. For anyone else it does not exist."""
    scan = access.visible_scans(actor_of(request)).filter(pk=scan_id).first()
    if scan is None:
        raise Http404("no such scan")
    return scan


def video_or_404(request: HttpRequest, video_id: UUID) -> Video:
    """A video that the request may see. For anyone else it does not exist."""
    video = access.visible_videos(actor_of(request)).filter(pk=video_id).first()
    if video is None:
        raise Http404("no such video")
    return video


def own_scan_or_404(request: HttpRequest, scan_id: UUID) -> Scan:
    """A scan that belongs to whoever asks; that staff may see it is not enough."""
    scan = scan_or_404(request, scan_id)
    if not access.may(actor_of(request), Act.DELETE, scan):
        raise Http404("not the owner's request")
    return scan


def own_video_or_404(request: HttpRequest, video_id: UUID) -> Video:
    """A video that belongs to whoever asks; that staff may see it is not enough."""
    video = video_or_404(request, video_id)
    if not access.may(actor_of(request), Act.DELETE, video):
        raise Http404("not the owner's request")
    return video
