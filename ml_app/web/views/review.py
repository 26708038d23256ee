"""The review desk: what waits for a decision, whose it is, and the decision itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.paginator import Page
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from ml_app.errors import ServiceError
from ml_app.models import ReviewCase, ReviewCaseQuerySet, SavedFilter, Scan
from ml_app.services.notifications import notices
from ml_app.services.reviews import reviewing
from ml_app.web.listings import AnyPaginator, with_extras
from ml_app.web.review_forms import DecisionForm, QueueFilter, SaveFilterForm
from ml_app.web.views.owners import actor_of, scan_or_404, user_of
from ml_app.web.views.scans import finished

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PAGE_SIZE = 25
MOST_FILTERS = 20  # that somebody keeps
MOST_COUNTED = 10_000  # cases; more are told as "more than"


class QueuePaginator(AnyPaginator):
    """Counts no further than anybody pages."""

    @cached_property
    def count(self) -> int:
        """At most one more than `MOST_COUNTED`."""
        found: Any = self.object_list
        return int(found.order_by()[: MOST_COUNTED + 1].count())


@never_cache
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for whoever asks, the most urgent first."""
    return _queue(request, SaveFilterForm())


def _queue(request: HttpRequest, save: SaveFilterForm, status: int = 200) -> HttpResponse:
    user, actor = _reviewer_or_404(request), actor_of(request)
    form = QueueFilter(request.GET, teams=reviewing.teams_with_cases(actor))
    cases = form.applied(reviewing.cases_for(actor), reviewer_id=user.pk)
    page = QueuePaginator(cases, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "save": save,
        "query": form.query(),
        "may_watch": notices.may_watch(actor, None),
        "watch": notices.watch_of(user, None),
        "is_filtered": bool(form.chosen() or form.errors),
        "page": page,
        "rows": _rows(page),
        "is_more": page.paginator.count > MOST_COUNTED,
        "most": MOST_COUNTED,
        "saved": SavedFilter.objects.filter(user=user),
    }
    return render(request, "ml_app/review/queue.html", context, status=status)


def _rows(page: Page[ReviewCase]) -> list[tuple[ReviewCase, Scan, list[User]]]:
    """Each case with its scan and those to whom it can be given."""
    cases: Any = page.object_list
    cases = list(cases.select_related("assignee"))
    found = Scan.objects.filter(pk__in=[case.pk for case in cases]).select_related("video", "team")
    scans = {scan.pk: scan for scan in with_extras(found)}
    reviewers = reviewing.reviewers({case.team_id for case in cases})
    return [(case, scans[case.pk], reviewers[case.team_id]) for case in cases if case.pk in scans]


@require_POST
def assign(request: HttpRequest, scan_id: UUID) -> HttpResponse:
    """Give a case to oneself, to somebody else or back to all."""
    user, case = _reviewer_or_404(request), _case_or_404(request, scan_id)
    try:
        reviewing.assign(case=case, to=_assignee(request, user), by=user)
    except ServiceError as error:
        messages.error(request, str(error))
    return redirect(_back(request) or reverse("ml_app:scan", args=[case.pk]))


def _assignee(request: HttpRequest, user: User) -> User | None:
    to = request.POST.get("to", "")
    if to in ("", "me"):
        return user if to else None
    number = int(to) if to.isascii() and to.isdecimal() and len(to) < 10 else 0
    return get_user_model().objects.filter(pk=number).first() or get_user_model()(pk=0)


@require_POST
def decide(request: HttpRequest, scan_id: UUID) -> HttpResponse:
    """Record a decision, and go back to the queue or to the scan, wherever it came from."""
    user, scan = _reviewer_or_404(request), scan_or_404(request, scan_id)
    _case_or_404(request, scan_id)
    form = DecisionForm(request.POST, scan=scan)
    if not form.is_valid():
        return finished(request, scan, form=form, status=422)
    told = form.cleaned_data
    try:
        reviewing.record_review(
            scan=scan,
            reviewer=user,
            decision=told["decision"],
            note=told["note"],
            at_s=told.get("at"),
            person=told["person"],
        )
    except ServiceError as error:
        form.add_error(None, str(error))
        return finished(request, scan, form=form, status=422)
    messages.success(request, _("The decision on “%(name)s” was recorded.") % {"name": scan.video})
    return redirect(_back(request) or reverse("ml_app:scan", args=[scan.pk]))


@require_POST
def save_filter(request: HttpRequest) -> HttpResponse:
    """Keep a filter of the queue under a name; another of the same name is replaced."""
    user, form = _reviewer_or_404(request), SaveFilterForm(request.POST)
    query = _query(request, request.POST.get("query", ""))
    if not form.is_valid():
        request.GET = QueryDict(query)
        return _queue(request, form, status=422)
    name, mine = form.cleaned_data["name"], SavedFilter.objects.filter(user=user)
    if mine.filter(name=name).exists() or mine.count() < MOST_FILTERS:
        SavedFilter.objects.update_or_create(user=user, name=name, defaults={"query": query})
    else:
        messages.error(request, _("You keep as many filters as there is room for. Delete one first."))
    return redirect(f"{reverse('ml_app:review')}?{query}")


@require_POST
def delete_filter(request: HttpRequest, filter_id: int) -> HttpResponse:
    """Forget one of one's own filters. Others' do not exist."""
    user = _reviewer_or_404(request)
    if not SavedFilter.objects.filter(user=user, pk=filter_id).delete()[0]:
        raise Http404("no such filter")
    return redirect("ml_app:review")


def _back(request: HttpRequest) -> str:
    """The queue as it was left; empty if the request did not come from it."""
    if "queue" not in request.POST:
        return ""
    return f"{reverse('ml_app:review')}?{_query(request, request.POST['queue'])}"


def _query(request: HttpRequest, asked: str) -> str:
    """What a query says that the filter knows."""
    return QueueFilter(QueryDict(asked), teams=reviewing.teams_with_cases(actor_of(request))).query()


def _reviewer_or_404(request: HttpRequest) -> User:
    user = user_of(request)
    if user is None or not reviewing.may_review(actor_of(request)):
        raise Http404("no such page")
    return user


def _case_or_404(request: HttpRequest, scan_id: UUID) -> ReviewCase:
    cases: ReviewCaseQuerySet = reviewing.cases_for(actor_of(request))
    case = cases.select_related("scan", "scan__video").filter(pk=scan_id).first()
    if case is None:
        raise Http404("no such case")
    return case
