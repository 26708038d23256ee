"""What can be done with a video that was taken in: scan it again, delete it."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ml_app import services
from ml_app.errors import ServiceError
from ml_app.models import Video
from ml_app.services import access
from ml_app.services.access import Act
from ml_app.teams.defaults import detector_for
from ml_app.web.detector_choice import DetectorForm
from ml_app.web.forms import FrameCountForm
from ml_app.web.listings import with_extras
from ml_app.web.views.busy import come_back_later
from ml_app.web.views.owners import actor_of, video_or_404


@never_cache
@require_safe
def video(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """A video that was scanned before: its earlier results, and a button to scan it again."""
    asked = request.GET.get("frames", "")
    offered = asked.isascii() and asked.isdigit() and int(asked) in settings.FRAME_COUNTS
    initial = int(asked) if offered else settings.DEFAULT_FRAME_COUNT
    form = FrameCountForm(initial={"frame_count": initial})
    return _page(request, video_or_404(request, video_id), form)


@require_POST
def scan_again(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Order another scan of a video."""
    row = video_or_404(request, video_id, Act.RERUN)
    form, other = FrameCountForm(request.POST), DetectorForm(request.POST)
    if not other.is_valid():
        form.add_error(None, next(iter(other.errors.values())))
    elif form.is_valid():
        owner = access.owner_of_rerun(actor_of(request), row)
        try:
            services.refuse_if_full(queue=services.queue_for(owner=owner))
            scan, _new = services.request_scan(
                video=row,
                frame_count=form.cleaned_data["frame_count"],
                detector_name=other.cleaned_data["detector"] or detector_for(row.team),
                owner=owner,
                others=other.wanted_others(),
            )
            return redirect("ml_app:scan", scan.pk)
        except ServiceError as error:
            form.add_error(None, str(error))
            if error.code == "queue_full":
                return come_back_later(_page(request, row, form))
    return _page(request, row, form, status=422)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Ask, then delete a video with all its scans and files."""
    row = video_or_404(request, video_id, Act.DELETE)
    if request.method != "POST":
        return render(
            request, "ml_app/delete.html", {"video": row, "scans": row.scans.order_by("-created_at")}
        )
    services.delete_video(video=row)
    messages.success(request, _("The video “%(name)s” and its scans were deleted.") % {"name": row})
    return redirect("ml_app:history")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def purge(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Ask, then delete the file and the pictures of faces; findings and hashes stay."""
    row = video_or_404(request, video_id, Act.PURGE)
    if request.method != "POST":
        return render(request, "ml_app/purge.html", {"video": row})
    try:
        services.purge_media(video=row)
    except ServiceError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The file of “%(name)s” was deleted; its findings stay.") % {"name": row})
    return redirect("ml_app:video", row.pk)


def _page(request: HttpRequest, row: Video, form: FrameCountForm, status: int = 200) -> HttpResponse:
    actor = actor_of(request)
    scans = with_extras(access.visible_scans(actor).filter(video=row).order_by("-created_at"))
    context = {
        "video": row,
        "scans": scans,
        "form": form,
        "may_rerun": access.may(actor, Act.RERUN, row),
        "detector": services.detector_state(),
        "chosen": request.GET.get("detector", ""),
    }
    return render(request, "ml_app/video.html", context, status=status)
