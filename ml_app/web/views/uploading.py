"""The first page: take a video in."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from ml_app import services
from ml_app.errors import ServiceError
from ml_app.storage.uploads import max_upload_bytes, uploaded_files
from ml_app.web.forms import LinkForm, UploadForm
from ml_app.web.views import tour
from ml_app.web.views.busy import Unread, come_back_later, queue_of
from ml_app.web.views.owners import make_owner, owner_of, teams_of, user_of

_STATUS = {"too_large": 413, "disk_full": 507, "detector_unavailable": 503}  # 422 for anything else


@csrf_exempt  # looking for the token would read the body; what takes it is protected
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Show the form; take a video and order its scan. While the queue is full, nothing of it is read."""
    if request.method != "POST":
        return page(request, upload_form(request))
    state = queue_of(request)
    if state.is_full:
        form = UploadForm({"frame_count": settings.DEFAULT_FRAME_COUNT}, teams=teams_of(request))
        form.add_error("video", str(state.message))
        return come_back_later(Unread(request, page(request, form)))
    return _take_in(request)


@csrf_protect
def _take_in(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST, teams=teams_of(request))
    try:
        files = uploaded_files(request, "video")
        if not services.detector_state().available:
            raise ServiceError("detector_unavailable", services.detector_state().message)
        if not form.is_valid():
            return page(request, form, status=422)
        if len(files) > 1:
            return _take_many(request, form, files)
        return _go(request, _take(request, files[0], form))
    except ServiceError as error:
        form.add_error("video", str(error))
        return page(request, form, status=_STATUS.get(error.code, 422))


def _take(request: HttpRequest, file: UploadedFile, form: UploadForm) -> str:
    """Keep one file and order its scan.

    Returns:
        Where to go: the new scan; for a file that was scanned before, the page that offers its results.
    """
    chosen = form.cleaned_data
    video, is_new = services.receive_video(
        upload=file, owner=make_owner(request), user=user_of(request), team=chosen["team"]
    )
    if not is_new and video.scans.exists():
        query = urlencode({"frames": chosen["frame_count"], "detector": form.wanted_detector()})
        return f"{reverse('ml_app:video', args=[video.pk])}?{query}"
    scan, _ = services.request_scan(
        video=video,
        frame_count=chosen["frame_count"],
        detector_name=form.wanted_detector(),
        others=form.wanted_others(),
    )
    return reverse("ml_app:scan", args=[scan.pk])


def _take_many(request: HttpRequest, form: UploadForm, files: list[UploadedFile]) -> HttpResponse:
    """Several files at once, as a browser without JavaScript sends them: those that can be used are."""
    refused = []
    for file in files:
        try:
            _take(request, file, form)
        except ServiceError as error:
            refused.append(f"{file.name}: {error}")
    if len(refused) == len(files):
        for text in refused:
            form.add_error("video", text)
        return page(request, form, status=422)
    for text in refused:
        messages.error(request, text)
    taken = len(files) - len(refused)
    text = ngettext("%(number)d video is being analysed.", "%(number)d videos are being analysed.", taken)
    messages.success(request, text % {"number": taken})
    return _go(request, reverse("ml_app:history"))


def _go(request: HttpRequest, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)  # type: ignore[attr-defined]


def upload_form(request: HttpRequest) -> UploadForm:
    """The empty form; a team's own page leads here with `team` in the address."""
    return UploadForm(teams=teams_of(request), initial={"team": request.GET.get("team")})


def page(
    request: HttpRequest, form: UploadForm, status: int = 200, link_form: LinkForm | None = None
) -> HttpResponse:
    """The page with its form, and with that for links where they are taken."""
    htmx_errors = request.method == "POST" and request.htmx  # type: ignore[attr-defined]
    template = "ml_app/_upload_errors.html" if htmx_errors else "ml_app/upload.html"
    context = {
        "form": form,
        "link_form": (link_form or LinkForm(teams=teams_of(request), initial=form.initial))
        if settings.LINKS
        else None,
        "detector": services.detector_state(),
        "queue": queue_of(request),
        "max_bytes": max_upload_bytes(),
        "max_mb": settings.MAX_UPLOAD_MB,
        "max_minutes": settings.MAX_DURATION_MINUTES,
        "media_days": settings.MEDIA_RETENTION_DAYS,
        "findings_days": settings.FINDINGS_RETENTION_DAYS,
        "shows_tour": not owner_of(request) and tour.is_wanted(request),  # to those who never came so far
    }
    return render(request, template, context, status=status)
