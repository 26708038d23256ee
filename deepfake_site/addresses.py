"""Where a request comes from, for the count of failed logins."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The address of whoever asks.

    X-Forwarded-For is believed only behind a proxy, and of it only what that proxy itself has added: the last
    entry. Whatever stands before it came with the request, and anyone can write it.
    """
    direct = str(request.META.get("REMOTE_ADDR") or "0.0.0.0")  # noqa: S104 - a socket file has no address
    if not settings.BEHIND_PROXY:
        return direct
    last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    try:
        return str(ip_address(last))
    except ValueError:
        return direct
