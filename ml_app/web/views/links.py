"""A video given as a link, which a worker fetches."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from ml_app import services
from ml_app.errors import ServiceError
from ml_app.services.intake.links import order_link
from ml_app.web.forms import LinkForm
from ml_app.web.views.busy import come_back_later
from ml_app.web.views.owners import make_owner, owner_of, teams_of, user_of
from ml_app.web.views.uploading import page, upload_form


@require_POST
def order(request: HttpRequest) -> HttpResponse:
    """Order the scan of what a link leads to."""
    form = LinkForm(request.POST, teams=teams_of(request))
    if not form.is_valid():
        return page(request, upload_form(request), status=422, link_form=form)
    try:
        services.refuse_if_full(queue=services.queue_for(owner=owner_of(request)))
        chosen = form.cleaned_data
        scan = order_link(
            url=chosen["url"],
            owner=make_owner(request),
            user=user_of(request),
            frame_count=chosen["frame_count"],
            detector_name=form.wanted_detector(),
            others=form.wanted_others(),
            team=chosen["team"],
        )
    except ServiceError as error:
        if error.code == "links_not_enabled":
            raise Http404("switched off") from error
        form.add_error("url", str(error))
        response = page(request, upload_form(request), status=422, link_form=form)
        return come_back_later(response) if error.code == "queue_full" else response
    return redirect("ml_app:scan", scan.pk)
