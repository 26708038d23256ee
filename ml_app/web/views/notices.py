"""Notices: what one was told, what one watches, and how one wants to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ml_app.models import Membership, NoticeSettings, Scan, Team, Watch
from ml_app.services.notifications import notice_mail, notices
from ml_app.web.notice_forms import NoticeSettingsForm
from ml_app.web.views.owners import actor_of, scan_or_404, user_of
from ml_app.web.views.review import QueuePaginator
from ml_app.web.views.teams import team_or_404

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PAGE_SIZE = 25


@never_cache
@require_safe
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    """What one was told and may still see, the newest first."""
    found = notices.visible(actor_of(request)).select_related("scan__video", "scan__team")
    page = QueuePaginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "ml_app/notices/list.html", {"page": page})


@require_POST
@login_required
def read(request: HttpRequest) -> HttpResponse:
    """All of it was read, or the one that is named."""
    user, number = user_of(request), request.POST.get("notice", "")
    if user is not None and (not number or _is_number(number)):
        notices.read(user=user, notice_id=int(number) if number else None)
    return redirect("ml_app:notices")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def settings(request: HttpRequest) -> HttpResponse:
    """What one watches, and how one is told."""
    user = user_of(request)
    if user is None:
        raise Http404("no account")
    form = NoticeSettingsForm(request.POST or None, instance=notices.settings_of(user))
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        notices.change_settings(
            user=user, mail=told["mail"], on_site=told["on_site"], language=get_language() or ""
        )
        messages.success(request, _("The settings were saved."))
        return redirect("ml_app:notice_settings")
    watches = Watch.objects.filter(user=user).select_related("scan__video", "team", "person")
    context = {"form": form, "watches": watches, "email": user.email}
    status = 422 if request.method == "POST" else 200
    return render(request, "ml_app/notices/settings.html", context, status=status)


@require_POST
def watch_scan(request: HttpRequest, scan_id: UUID) -> HttpResponse:
    """Be told of a scan."""
    return _watch(request, scan_or_404(request, scan_id), reverse("ml_app:scan", args=[scan_id]))


@require_POST
def watch_team(request: HttpRequest, team_id: int) -> HttpResponse:
    """Be told of what waits in a team's queue."""
    return _watch(request, team_or_404(request, team_id), reverse("ml_app:team", args=[team_id]))


@require_POST
def watch_member(request: HttpRequest, team_id: int, member_id: int) -> HttpResponse:
    """Be told of what somebody of a team does, as far as one may see it."""
    row = team_or_404(request, team_id)
    found = Membership.objects.filter(team=row, pk=member_id).select_related("user").first()
    if found is None:
        raise Http404("no such member")
    return _watch(request, found.user, reverse("ml_app:team", args=[team_id]))


@require_POST
def watch_queue(request: HttpRequest) -> HttpResponse:
    """Be told of whatever waits for a decision."""
    return _watch(request, None, reverse("ml_app:review"))


def _watch(request: HttpRequest, subject: Scan | Team | User | None, back: str) -> HttpResponse:
    actor = actor_of(request)
    if not notices.may_watch(actor, subject):
        raise Http404("nothing to watch")
    if notices.watch(actor=actor, subject=subject):
        messages.success(request, _("You will be told of it."))
    else:
        messages.error(request, _("You watch as much as there is room for."))
    return redirect(back)


@require_POST
def stop(request: HttpRequest, watch_id: int) -> HttpResponse:
    """Watch something no longer. What others watch does not exist."""
    user = user_of(request)
    if user is None or not Watch.objects.filter(user=user, pk=watch_id).delete()[0]:
        raise Http404("no such watch")
    messages.success(request, _("You will be told of it no longer."))
    return redirect("ml_app:notice_settings")


@csrf_exempt  # mail programs send it (RFC 8058); the link is signed, and can do nothing else
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def stop_mail(request: HttpRequest, token: str) -> HttpResponse:
    """Turn the e-mails of an account off by the link that stands in them, without signing in."""
    number = notice_mail.user_number(token)
    user = get_user_model().objects.filter(pk=number).first() if number is not None else None
    if user is None:
        raise Http404("no such link")
    how = notices.settings_of(user)
    if request.method == "POST" and how.mail != NoticeSettings.Mail.OFF:
        notices.change_settings(user=user, mail=NoticeSettings.Mail.OFF, on_site=how.on_site)
    context = {"is_off": request.method == "POST" or how.mail == NoticeSettings.Mail.OFF}
    return render(request, "ml_app/notices/stop.html", context)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19
