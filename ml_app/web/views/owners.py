"""Who asks. A visitor is known by a token in the session, which the first upload makes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import Http404, HttpRequest

from ml_app import services
from ml_app.models import Scan, ScanQuerySet, Video, VideoQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_KEY = "visitor"


def user_of(request: HttpRequest) -> User | None:
    """The account that is logged in, if one is."""
    return request.user if request.user.is_authenticated else None


def owner_of(request: HttpRequest) -> str:
    """The owner whose rows the request may see; empty for a visitor who never uploaded."""
    user = user_of(request)
    if user is not None:
        return f"user:{user.pk}"
    token = request.session.get(_KEY)
    return f"visitor:{token}" if token else ""


def make_owner(request: HttpRequest) -> str:
    """The owner of what the request uploads. Only here does a visitor get a session, and with it a cookie."""
    if not owner_of(request):
        request.session[_KEY] = secrets.token_urlsafe(24)
    request.session.modified = True  # each upload renews the cookie that the history hangs on
    return owner_of(request)


def claim(sender: Any, request: HttpRequest | None, user: User, **extra: Any) -> None:
    """Whoever logs in keeps what they analysed in this browser before. Hears Django's `user_logged_in`.

    That signal is the one place that every way of logging in passes, the admin's form among them.
    """
    token = request.session.get(_KEY) if request is not None else None
    if request is not None and token:
        services.claim_videos(visitor=f"visitor:{token}", user=user)
        del request.session[_KEY]


def is_staff(request: HttpRequest) -> bool:
    """Whether the request may see everybody's scans."""
    return request.user.is_active and request.user.is_staff


def visible_scans(request: HttpRequest) -> ScanQuerySet:
    """The scans that the request may see, with their videos."""
    owner, staff = owner_of(request), is_staff(request)
    if not owner and not staff:
        return Scan.objects.none()
    return Scan.objects.visible_to(owner=owner, is_staff=staff).select_related("video")


def visible_videos(request: HttpRequest) -> VideoQuerySet:
    """The videos that the request may see."""
    owner, staff = owner_of(request), is_staff(request)
    if not owner and not staff:
        return Video.objects.none()
    return Video.objects.visible_to(owner=owner, is_staff=staff)


def scan_or_404(request: HttpRequest, scan_id: UUID) -> Scan:
    """A scan that the request may see. For anyone else it does not exist."""
    scan = visible_scans(request).filter(pk=scan_id).first()
    if scan is None:
        raise Http404("no such scan")
    return scan


def video_or_404(request: HttpRequest, video_id: UUID) -> Video:
    """A video that the request may see. For anyone else it does not exist."""
    video = visible_videos(request).filter(pk=video_id).first()
    if video is None:
        raise Http404("no such video")
    return video


def own_scan_or_404(request: HttpRequest, scan_id: UUID) -> Scan:
    """A scan that belongs to whoever asks; that staff may see it is not enough."""
    scan = scan_or_404(request, scan_id)
    if scan.owner != owner_of(request):
        raise Http404("not the owner's request")
    return scan


def own_video_or_404(request: HttpRequest, video_id: UUID) -> Video:
    """A video that belongs to whoever asks; that staff may see it is not enough."""
    video = video_or_404(request, video_id)
    if video.owner != owner_of(request):
        raise Http404("not the owner's request")
    return video
