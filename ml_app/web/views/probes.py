"""What machines ask: is the process up, can the site work, how much is going on.

They ask under whatever name or address they have, without TLS and without a session, so these three are
answered before anything else looks at the request.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from deepfake_site.addresses import client_address
from ml_app import services


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Nothing else is looked at: what is broken elsewhere, a restart does not mend."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Each part that the site needs; status 503 when one of them fails."""
    ready = services.readiness()
    parts = {name: asdict(part) for name, part in ready.parts.items()}
    return JsonResponse({"ready": ready.ok, "parts": parts}, status=200 if ready.ok else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus. For anyone who is not meant to see them, the page does not exist."""
    if not _may_read(request):
        return HttpResponse("not found\n", status=404, content_type="text/plain")
    try:
        text = services.metrics_text()
    except Error:
        return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")
    return HttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_read(request: HttpRequest) -> bool:
    word, _, token = request.headers.get("Authorization", "").partition(" ")
    expected = settings.METRICS_TOKEN
    if expected and word.lower() == "bearer" and secrets.compare_digest(token.encode(), expected.encode()):
        return True
    address = ip_address(client_address(request))
    return any(address in ip_network(network, strict=False) for network in settings.METRICS_NETWORKS)


PROBES: dict[str, Callable[[HttpRequest], HttpResponseBase]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/metrics": metrics,
}


class ProbesMiddleware:
    """Stands before all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        return (probe or self._get_response)(request)
