"""Batches: give many videos at once, watch them, and take the results along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ml_app import audit, services
from ml_app.audit import Action
from ml_app.batches import acting, creating, results
from ml_app.errors import ServiceError
from ml_app.models import Batch, Scan
from ml_app.services import access
from ml_app.services.access import Act
from ml_app.storage.uploads import max_upload_bytes, uploaded_files
from ml_app.web.forms import BatchFilter, BatchForm
from ml_app.web.views.busy import Unread, come_back_later
from ml_app.web.views.owners import actor_of, make_owner, teams_of, user_of

PAGE_SIZE = 50
Response = TypeVar("Response", bound=HttpResponseBase)


@csrf_exempt  # looking for the token would read the body; what takes it is protected
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def batches(request: HttpRequest) -> HttpResponse:
    """One's own batches and one's teams', and a form for another. With a full queue, nothing sent is read."""
    if request.method != "POST":
        return _list(request, BatchForm(teams=teams_of(request), initial={"team": request.GET.get("team")}))
    state = services.queue_state(queue=Scan.Queue.BATCH)
    if state.is_full:
        form = BatchForm({"frame_count": settings.DEFAULT_FRAME_COUNT}, teams=teams_of(request))
        form.add_error(None, str(state.message))
        return come_back_later(Unread(request, _list(request, form)))
    return _create(request)


@csrf_protect
def _create(request: HttpRequest) -> HttpResponse:
    form = BatchForm(request.POST, teams=teams_of(request))
    if not form.is_valid():
        return _list(request, form, 422)
    try:
        order = creating.Order(
            make_owner(request),
            user_of(request),
            form.cleaned_data["frame_count"],
            form.wanted_detector(),
            form.cleaned_data["team"],
            tuple(form.wanted_others()),
        )
        if request.POST.get("empty"):  # the script of the page sends the files one by one
            batch = creating.create_empty(order=order, name=form.cleaned_data["name"])
        else:
            batch = creating.create_from_file(order=order, upload=uploaded_files(request, "file")[0])
    except ServiceError as error:
        form.add_error("file", str(error))
        return _list(request, form, {"too_large": 413, "disk_full": 507}.get(error.code, 422))
    if request.POST.get("empty"):
        return JsonResponse({"batch": str(batch.pk)}, status=201)
    return redirect("ml_app:batch", batch.pk)


def _list(request: HttpRequest, form: BatchForm, status: int = 200) -> HttpResponse:
    page = Paginator(access.listed_batches(actor_of(request)), PAGE_SIZE).get_page(request.GET.get("page"))
    counts = results.counts_of(page.object_list)
    rows = [(batch, counts[batch.pk]) for batch in page]
    context = {
        "page": page,
        "rows": rows,
        "form": form,
        "max_mb": settings.MAX_UPLOAD_MB,
        "max_bytes": max_upload_bytes(),
        "max_files": settings.BATCH_FILES,
        "detector": services.detector_state(),
    }
    return render(request, "ml_app/batches/list.html", context, status=status)


@never_cache
@require_safe
def batch(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """A batch: counts, and its files as they are asked for. A script asks for the part that changes alone."""
    row = batch_or_404(request, batch_id)
    form = BatchFilter(request.GET)
    found = results.items(row, **form.chosen())
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "batch": row,
        "counts": results.counts(row),
        "form": form,
        "page": page,
        "rows": [(item, results.row(item)) for item in page],
        **_rights(request, row),
    }
    is_part = request.htmx  # type: ignore[attr-defined]
    return render(request, f"ml_app/batches/{'_standing' if is_part else 'batch'}.html", context)


@require_POST
def add(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """One more file of a batch."""
    row = batch_or_404(request, batch_id, Act.ADD)
    try:
        item = creating.add_file(batch=row, upload=uploaded_files(request, "file")[0])
    except ServiceError as error:
        if error.code != "too_large":
            return JsonResponse({"code": error.code, "message": str(error)}, status=422)
        item = creating.note_file(batch=row, name=request.GET.get("name", ""), code=error.code)
    reason = str(services.scan_errors.get(item.error_code, "")) if item.error_code else ""
    return JsonResponse({"number": item.number, "code": item.error_code, "message": reason}, status=201)


def _acting(act: Act, do: Callable[[HttpRequest, Batch], object]) -> Any:
    @require_POST
    def view(request: HttpRequest, batch_id: UUID) -> HttpResponse:
        row = batch_or_404(request, batch_id, act)
        do(request, row)
        return redirect("ml_app:batches") if row.pk is None else redirect("ml_app:batch", row.pk)

    return view


def _rerun(request: HttpRequest, row: Batch) -> None:
    number = acting.rerun_failed(batch=row)
    text = ngettext("%(number)d file is analysed again.", "%(number)d files are analysed again.", number)
    messages.success(request, text % {"number": number})


def _delete(request: HttpRequest, row: Batch) -> None:
    acting.delete(batch=row)
    messages.success(request, _("The batch was deleted; its scans are still here."))


pause = _acting(Act.CANCEL, lambda request, row: acting.pause(batch=row))
resume = _acting(Act.CANCEL, lambda request, row: acting.resume(batch=row))
cancel = _acting(Act.CANCEL, lambda request, row: acting.cancel(batch=row))
rerun = _acting(Act.RERUN, _rerun)
delete = _acting(Act.DELETE, _delete)


@never_cache
@require_safe
def table(request: HttpRequest, batch_id: UUID) -> HttpResponseBase:
    """All results as CSV."""
    row = batch_or_404(request, batch_id)
    audit.record(Action.EXPORTED, row, format="csv")
    lines = results.csv_lines(results.items(row).iterator(chunk_size=500))
    return _download(StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8"), row, "csv")


@never_cache
@require_safe
def listing(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """All results as JSON."""
    row = batch_or_404(request, batch_id)
    audit.record(Action.EXPORTED, row, format="json")
    told = [results.row(item) for item in results.items(row)]
    return _download(JsonResponse({"batch": str(row.pk), "name": row.name, "files": told}), row, "json")


def _download(response: Response, row: Batch, suffix: str) -> Response:
    response["Content-Disposition"] = f'attachment; filename="batch-{row.pk}.{suffix}"'
    return response


def _rights(request: HttpRequest, row: Batch) -> dict[str, bool]:
    """What the page offers to do with a batch."""
    actor = actor_of(request)
    return {f"may_{act}": access.may(actor, act, row) for act in (Act.CANCEL, Act.RERUN, Act.DELETE)}


def batch_or_404(request: HttpRequest, batch_id: UUID, act: Act = Act.SEE) -> Batch:
    """A batch that may be seen, and to which this may be done. For anyone else it does not exist."""
    actor = actor_of(request)
    row = access.visible_batches(actor).filter(pk=batch_id).first()
    if row is None or not access.may(actor, act, row):
        raise Http404("no such batch")
    return row
