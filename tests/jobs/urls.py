"""The services behind the smallest of pages. A file named slow-* rests between its move and its commit."""

import time
from collections.abc import Callable
from pathlib import Path

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from ml_app import services
from ml_app.errors import ServiceError
from ml_app.storage.uploads import IncomingFile, uploaded_files

_move_to = IncomingFile.move_to


def _slow_move(self: IncomingFile, target: Path) -> Callable[[], None]:
    take_back = _move_to(self, target)
    if (self.name or "").startswith("slow-"):
        time.sleep(60)
    return take_back


IncomingFile.move_to = _slow_move  # type: ignore[method-assign]


@csrf_exempt
def upload(request: HttpRequest) -> JsonResponse:
    try:
        file = uploaded_files(request, "file")[0]
        video, is_new = services.receive_video(upload=file, owner="visitor:web", user=None)
    except ServiceError as error:
        return JsonResponse({"code": error.code, "message": str(error)}, status=400)
    return JsonResponse({"video": str(video.pk), "new": is_new})


# `run` names the page where the first administrator makes an account.
named = ([path("accounts/first/", lambda request: HttpResponse(), name="first")], "ml_app")
urlpatterns = [
    path("upload", upload),
    path("alive", lambda request: HttpResponse()),
    path("", include(named)),
]
