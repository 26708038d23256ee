"""The site on a phone: manifest, service worker, offline page, what other programs share to it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language, get_language_bidi
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from ml_app.web.forms import ACCEPTED
from ml_app.web.views.busy import Unread

PAPER = "#fbf9f4"  # of static/css/tokens.css, in light
ICONS = ((192, "any"), (512, "any"), (512, "maskable"))
SHARED = "shared"  # the field of a shared file, and what the address says after one was shared
LOST = "lost"


@require_safe
@cache_control(no_cache=True)
def manifest(request: HttpRequest) -> JsonResponse:
    """What a browser needs to install the site, and which files other programs may share to it."""
    files = [{"name": SHARED, "accept": ACCEPTED.split(",")}]
    content = {
        "id": "/",
        "name": _("Deepfake detector"),
        "short_name": _("Deepfakes"),
        "description": _("Tells whether the people in a video or a picture are likely to be genuine."),
        "lang": get_language(),
        "dir": "rtl" if get_language_bidi() else "ltr",
        "start_url": reverse("ml_app:upload"),
        "scope": "/",
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": PAPER,
        "icons": [
            {
                "src": static(f"img/icon-{size}{'' if purpose == 'any' else f'-{purpose}'}.png"),
                "sizes": f"{size}x{size}",
                "type": "image/png",
                "purpose": purpose,
            }
            for size, purpose in ICONS
        ],
        "share_target": {
            "action": reverse("ml_app:share"),
            "method": "POST",
            "enctype": "multipart/form-data",
            "params": {"files": files},
        },
    }
    return JsonResponse(content, content_type="application/manifest+json")


@require_safe
@cache_control(no_cache=True)
def service_worker(request: HttpRequest) -> HttpResponse:
    """The service worker, at the top so that it may answer for every page."""
    context = {"field": SHARED, "upload": reverse("ml_app:upload")}
    return render(request, "ml_app/phone/sw.js", context, content_type="text/javascript")


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """What is shown where there is no connection."""
    return render(request, "ml_app/phone/offline.html")


@csrf_exempt  # nothing is taken: the service worker keeps a shared file from being sent here
@require_POST
def share(request: HttpRequest) -> HttpResponse:
    """A file was shared, and no service worker took it: the form asks for it again. Nothing of it is read."""
    response = redirect(f"{reverse('ml_app:upload')}?{SHARED}={LOST}")
    answer = Unread(request, response)
    answer["Location"] = response["Location"]
    return answer
