"""The site's addresses, and one that fails."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from deepfake_site import urls


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("as a page of the tests shall")


urlpatterns = [path("broken/", broken), *urls.urlpatterns]
handler500 = urls.handler500
