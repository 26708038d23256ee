"""A scan from waiting to its findings, and the history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from ml_app import audit, services
from ml_app.models import ReviewCase, Scan
from ml_app.services import access
from ml_app.services.access import Act
from ml_app.services.notifications import notices
from ml_app.web import wording
from ml_app.web.forms import FrameCountForm, HistoryFilter
from ml_app.web.listings import ScanPaginator, faces_of, with_extras
from ml_app.web.review_forms import DecisionForm
from ml_app.web.views import tour
from ml_app.web.views.owners import actor_of, scan_or_404, user_of

PAGE_SIZE = 25
LONG_WAIT = timedelta(seconds=30)  # after which a waiting scan with nobody before it looks forgotten


@never_cache
@require_safe
def scan(request: HttpRequest, scan_id: UUID) -> HttpResponse:
    """A scan: how far it has come, or what it found, or why it failed."""
    row, user = scan_or_404(request, scan_id), user_of(request)
    context = _about(request, row)
    if user is not None:
        notices.read(user=user, scan=row)
    if row.is_active:
        return render(request, "ml_app/scan/active.html", context | _standing(row))
    if row.status == Scan.Status.DONE:
        audit.seen(row)
        return finished(request, row)
    context["error"] = services.scan_errors.get(row.error_code, row.error_code)
    return render(request, "ml_app/scan/failed.html", context)


def finished(
    request: HttpRequest, row: Scan, *, form: DecisionForm | None = None, status: int = 200
) -> HttpResponse:
    """What a scan found; for reviewers with the form to decide on it, as it was filled in if it was."""
    case = ReviewCase.objects.select_related("assignee").filter(pk=row.pk).first()
    is_unsettled = case is not None and case.needs > 1  # to others, it is decided when it is settled
    if not access.may(actor_of(request), Act.REVIEW, row):
        case = None
    context = _about(request, row) | {
        "faces": faces_of(row),
        "case": case,
        "is_unsettled": is_unsettled and case is None,
        "decision_form": (form or DecisionForm(scan=row)) if case else None,
        "queue": request.POST.get("queue", request.GET.get("queue")),
    }
    return render(request, "ml_app/scan/done.html", context, status=status)


def _about(request: HttpRequest, row: Scan) -> dict[str, Any]:
    frames = settings.DEFAULT_FRAME_COUNT if row.video.is_picture else row.frame_count
    reviews = list(row.reviews.select_related("reviewer"))
    return {
        "scan": row,
        "form": FrameCountForm(initial={"frame_count": frames}),
        **_rights(request, row),
        "detector": services.detector_state(),
        "watch": notices.watch_of(user_of(request), row),
        "reviews": reviews,
        "review": reviews[0] if reviews else None,
    }


@never_cache
@require_safe
def progress(request: HttpRequest, scan_id: UUID) -> HttpResponse:
    """What the page of a scan polls; tells it to load itself anew once the scan has ended."""
    row = scan_or_404(request, scan_id)
    if not row.is_active:
        return HttpResponseClientRefresh()
    return render(request, "ml_app/scan/_progress.html", {"scan": row} | _standing(row))


@require_POST
def cancel(request: HttpRequest, scan_id: UUID) -> HttpResponse:
    """Stop a scan that waits or runs."""
    row = scan_or_404(request, scan_id, Act.CANCEL)
    services.cancel_scan(scan=row)
    return redirect("ml_app:scan", row.pk)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, scan_id: UUID) -> HttpResponse:
    """Ask, then delete one scan with its pictures; its video stays."""
    row = scan_or_404(request, scan_id, Act.DELETE)
    if request.method != "POST":
        return render(request, "ml_app/scan/delete.html", {"scan": row})
    services.delete_scan(scan=row)
    messages.success(request, _("The scan of “%(name)s” was deleted.") % {"name": row.video})
    return redirect("ml_app:history")


@never_cache
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """One's own scans, a team's, or all that one sees, newest first; those asked for."""
    actor = actor_of(request)
    form = HistoryFilter(request.GET, actor=actor)
    chosen = form.chosen()
    scans = access.listed_scans(actor, chosen.pop("whose", "")).order_by("-created_at")
    page = ScanPaginator(with_extras(scans.matching(**chosen)), PAGE_SIZE).get_page(request.GET.get("page"))
    is_filtered = bool(chosen or form.errors)
    has_any = bool(page.object_list) or form.has_teams or (is_filtered and scans.exists())
    context = {
        "page": page,
        "form": form,
        "is_filtered": is_filtered,
        "has_any": has_any,
        "shows_tour": tour.is_wanted(request),
        "detector": services.detector_state(),
    }
    return render(request, "ml_app/history.html", context)


def _rights(request: HttpRequest, scan: Scan) -> dict[str, bool]:
    """What the page offers to do with a scan."""
    actor = actor_of(request)
    return {
        f"may_{act}": access.may(actor, act, scan) for act in (Act.CANCEL, Act.RERUN, Act.DELETE, Act.PURGE)
    }


def _standing(scan: Scan) -> dict[str, object]:
    """How far a scan has come: its stages, and how many wait before it."""
    words = wording.stages(fetched=scan.queue == Scan.Queue.LINK or scan.video.origins.exists())
    codes = list(words)
    here = int(wording.FETCH in words and scan.queue != Scan.Queue.LINK)  # what was fetched is done
    at = codes.index(scan.stage) if scan.stage in codes else -1
    stages = [
        {
            "words": words[code],
            "state": "done" if i < max(at, here) else "current" if i == at else "todo",
            "done": scan.progress_done if i == at else int(i < at),
            "total": scan.progress_total if i == at else 1,
        }
        for i, code in enumerate(codes)
    ]
    waits = scan.status == Scan.Status.QUEUED
    before = Scan.objects.ahead_of(scan).count() if waits else 0
    return {
        "stages": stages,
        "before": before,
        "looks_forgotten": waits and not before and timezone.now() - scan.created_at > LONG_WAIT,
    }
