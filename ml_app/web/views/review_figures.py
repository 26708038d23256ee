"""What reviews say of the detector, and the reviewed videos to measure and calibrate it on."""

from __future__ import annotations

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ml_app.errors import ServiceError
from ml_app.models import ReviewCaseQuerySet
from ml_app.services import agreement, reviewed_clips, reviewing
from ml_app.web import charts
from ml_app.web.detector_figures import Bin
from ml_app.web.views.owners import actor_of


@never_cache
@require_safe
def figures(request: HttpRequest) -> HttpResponse:
    """How often the detector agreed with its reviewers, over all and by version, frames and month."""
    found = agreement.cells(_cases_or_404(request))
    bins = agreement.calibration(found)
    frames = _("%(version)s, %(frames)d frames")
    groups = [
        (_("All"), [agreement.agreement(_("All reviewed scans"), found)]),
        (
            _("By version and number of frames"),
            agreement.grouped(
                found,
                lambda cell: (cell.version, cell.frames),
                lambda key: frames % {"version": key[0] or "?", "frames": key[1]},
            ),
        ),
        (
            _("By month"),
            agreement.grouped(
                [cell for cell in found if cell.month is not None],
                lambda cell: cell.month,
                lambda month: f"{month:%Y-%m}",
            ),
        ),
    ]
    context = {
        "groups": groups,
        "has_any": bool(found),
        "bins": bins,
        "dots": charts.calibration_dots([Bin(each.predicted, each.observed, each.n) for each in bins]),
        "drifts": agreement.drifts(),
        "fewest": agreement.FEWEST,
        "days": agreement.RECENT.days,
        "limit": agreement.DRIFTED,
        "commands": (
            "manage.py evaluate --clips clips.csv",
            "manage.py calibrate standard --clips clips.csv",
        ),
    }
    return render(request, "ml_app/review/figures.html", context)


@never_cache
@require_safe
def clips(request: HttpRequest) -> HttpResponseBase:
    """The reviewed videos with their table, as a zip file."""
    try:
        asked = request.GET.get("split", "")
        split = asked if asked in reviewed_clips.SPLITS else ""
        file = reviewed_clips.export(_cases_or_404(request), split=split)
    except ServiceError as error:
        messages.error(request, str(error))
        return redirect("ml_app:review_figures")
    name = f"reviewed-clips-{timezone.now():%Y%m%d}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")


def _cases_or_404(request: HttpRequest) -> ReviewCaseQuerySet:
    actor = actor_of(request)
    if not reviewing.may_review(actor):
        raise Http404("no such page")
    return reviewing.cases_for(actor)
