"""What reviews say of the detector, and the reviewed videos to measure and calibrate it on."""

from __future__ import annotations

import hashlib

from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ml_app.errors import ServiceError
from ml_app.models import ScanQuerySet
from ml_app.services.detectors import installed_files
from ml_app.services.reviews import agreement, reviewed_clips, reviewing
from ml_app.services.reviews.agreement import Agreement, Cell, Drift
from ml_app.web import charts
from ml_app.web.detector_figures import Bin
from ml_app.web.review_forms import TeamFilter
from ml_app.web.views.owners import actor_of

DRIFT_KEPT_SECONDS = 300  # of 90 days' scores; what reviews say is always counted anew


@never_cache
@require_safe
def figures(request: HttpRequest) -> HttpResponse:
    """How often the detector agreed with its reviewers, over all and by team, version, frames and month."""
    form = _filter_or_404(request)
    found = agreement.cells(form.of_team(reviewing.cases_for(actor_of(request))))
    bins = agreement.calibration(found)
    context = {
        "form": form,
        "query": form.query(),
        "groups": _groups(found),
        "has_any": bool(found),
        "bins": bins,
        "dots": charts.calibration_dots([Bin(each.predicted, each.observed, each.n) for each in bins]),
        "drifts": _drifts(form.of_team(reviewing.scans_for(actor_of(request)))),
        "fewest": agreement.FEWEST,
        "days": agreement.RECENT.days,
        "limit": agreement.DRIFTED,
        "commands": (
            "manage.py evaluate --clips clips.csv",
            "manage.py calibrate standard --clips clips.csv",
        ),
    }
    return render(request, "ml_app/review/figures.html", context)


def _drifts(scans: ScanQuerySet) -> list[Drift]:
    """The drift of these scans, kept for some minutes for whoever asks for the very same ones."""
    try:
        asked = scans.query.sql_with_params()
    except EmptyResultSet:
        return []
    key = hashlib.sha256(repr((asked, installed_files())).encode()).hexdigest()
    return cache.get_or_set(f"drifts:{key}", lambda: agreement.drifts(scans), DRIFT_KEPT_SECONDS)  # type: ignore[return-value]


def _groups(found: list[Cell]) -> list[tuple[str, list[Agreement]]]:
    """Titles with the figures below each. Teams, and months of one kind, are told where there are two."""
    dated = [cell for cell in found if cell.month is not None]

    def kind(cell: Cell) -> tuple[str, int]:
        return cell.version, cell.frames

    def words(key: tuple[str, int]) -> str:
        version, frames = key
        said = ngettext("%(version)s, %(frames)d frame", "%(version)s, %(frames)d frames", frames)
        return said % {"version": version or "?", "frames": frames}

    groups = [
        (_("All"), [agreement.agreement(_("All reviewed scans"), found)]),
        (_("By team"), agreement.grouped(found, lambda cell: cell.team, lambda team: team or _("no team"))),
        (_("By version and number of frames"), agreement.grouped(found, kind, words)),
        (
            _("By month"),
            agreement.grouped(dated, lambda cell: cell.month, lambda month: f"{month:%Y-%m}"),
        ),
    ]
    if len({cell.team for cell in found}) < 2:
        del groups[1]
    if len({kind(cell) for cell in dated}) > 1:
        by_both = agreement.grouped(
            dated,
            lambda cell: (kind(cell), cell.month),
            lambda key: f"{words(key[0])} · {key[1]:%Y-%m}",
        )
        groups.append((_("By version, number of frames and month"), by_both))
    return groups


@never_cache
@require_safe
def clips(request: HttpRequest) -> HttpResponseBase:
    """The reviewed videos with their table, as a zip file; those of one team, if one is asked for."""
    form = _filter_or_404(request)
    try:
        asked = request.GET.get("split", "")
        split = asked if asked in reviewed_clips.SPLITS else ""
        file = reviewed_clips.export(form.of_team(reviewing.cases_for(actor_of(request))), split=split)
    except ServiceError as error:
        messages.error(request, str(error))
        return redirect("ml_app:review_figures")
    name = f"reviewed-clips-{timezone.now():%Y%m%d}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")


def _filter_or_404(request: HttpRequest) -> TeamFilter:
    actor = actor_of(request)
    if not reviewing.may_review(actor):
        raise Http404("no such page")
    return TeamFilter(request.GET, teams=reviewing.teams_with_cases(actor))
