"""One's own data: take it along, or delete it with the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from ml_app.accounts import own_data
from ml_app.errors import ServiceError
from ml_app.models import Review, Scan, Video
from ml_app.services import access

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def _can_confirm(request: HttpRequest) -> bool:
    # Whoever has single sign-on alone, and no address, has nothing that they could give once more.
    return not request.user.is_authenticated or bool(get_adapter().get_reauthentication_methods(request.user))


@never_cache
@require_POST
@reauthentication_required(enabled=_can_confirm)  # type: ignore[untyped-decorator] # allauth is not typed
def export(request: HttpRequest) -> HttpResponseBase:
    """All of it as a zip file."""
    try:
        file = own_data.export(user=cast("User", request.user))
    except ServiceError as error:
        messages.error(request, str(error))
        return redirect("ml_app:account")
    return FileResponse(
        file, as_attachment=True, filename="deepfake-detector-data.zip", content_type="application/zip"
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(enabled=_can_confirm)  # type: ignore[untyped-decorator] # allauth is not typed
def delete(request: HttpRequest) -> HttpResponse:
    """Ask, then delete the account with all that is its own."""
    user = cast("User", request.user)
    if request.method != "POST":
        return _question(request, user)
    try:
        is_whole = own_data.delete(user=user)
    except ServiceError as error:
        messages.error(request, str(error))
        return redirect("ml_app:account")
    logout(request)
    gone = _("Your account and all that belonged to it were deleted.")
    stays = _(
        "Your account was deleted. What you gave to teams and what you decided about the scans of others "
        "stays, without your name."
    )
    messages.success(request, gone if is_whole else stays)
    return redirect("ml_app:upload")


def _question(request: HttpRequest, user: User) -> HttpResponse:
    owner = access.owner_of_user(user)
    context = {
        "videos": Video.objects.filter(owner=owner, team=None).count(),
        "scans": Scan.objects.filter(owner=owner, team=None).count(),
        "given": Video.objects.filter(owner=owner, team__isnull=False).count(),
        "decides": Review.objects.filter(reviewer=user).exclude(scan__owner=owner, scan__team=None).exists(),
    }
    return render(request, "ml_app/accounts/delete.html", context)
