"""Who does what is being done: the account, token or visitor of the request, or a program of the site."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import salted_hmac

from deepfake_site.addresses import client_address
from ml_app.models.audit_entry import ActorKind

if TYPE_CHECKING:
    from django.contrib.auth.models import User

VISITOR_KEY = "visitor"  # of a session: the token by which a visitor without an account is known
Addresses = Literal["full", "network", "none"]
_NETWORK_BITS = {4: 24, 6: 48}  # what is left of an address where AUDIT_ADDRESSES is "network"
_request: ContextVar[HttpRequest | None] = ContextVar("audited request", default=None)


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody, as the log names them."""

    kind: ActorKind
    id: str = ""
    name: str = ""
    token: str = ""  # the prefix of the token that was shown


@contextmanager
def about_request(request: HttpRequest) -> Iterator[None]:
    """What is recorded in this block was done by whoever sent the request."""
    mark = _request.set(request)
    try:
        yield
    finally:
        _request.reset(mark)


class AuditMiddleware:
    """Tells the log of the request. Comes after sessions and accounts, which it is asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with about_request(request):
            return self._get_response(request)


def who_now() -> Who:
    """Whoever does what is done at this moment."""
    request = _request.get()
    return _of_request(request) if request is not None else Who(ActorKind.PROCESS, name=_program())


def who_is(user: User) -> Who:
    """An account."""
    return Who(ActorKind.ACCOUNT, str(user.pk), user.get_username())


def visitor_number(token: str) -> str:
    """What the log knows a visitor by: it tells two apart, and opens nothing as the token itself does."""
    return salted_hmac("ml_app.audit", token, algorithm="sha256").hexdigest()[:16]


def _of_request(request: HttpRequest) -> Who:
    user: Any = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        token = getattr(request, "auth", None)  # set by the API, where a token was shown
        if token is not None:
            return Who(ActorKind.TOKEN, str(user.pk), user.get_username(), str(token.prefix))
        return who_is(user)
    token = request.session.get(VISITOR_KEY) if hasattr(request, "session") else None
    return Who(ActorKind.VISITOR, visitor_number(token)) if token else Who(ActorKind.NOBODY)


def address_now() -> str:
    """Where the request comes from, as much of it as AUDIT_ADDRESSES keeps; empty without a request."""
    request = _request.get()
    return shortened(client_address(request), settings.AUDIT_ADDRESSES) if request is not None else ""


def shortened(address: str, kept: Addresses) -> str:
    """An address as the log keeps it: whole, its network (/24 of IPv4, /48 of IPv6), or not at all."""
    if kept == "full":
        return address
    if kept != "network":
        return ""
    try:
        bits = _NETWORK_BITS[ip_address(address).version]
    except ValueError:
        return ""
    return str(ip_network(f"{address}/{bits}", strict=False).network_address)


def _program() -> str:
    name = Path(sys.argv[0]).name if sys.argv else ""
    if name == "manage.py" and len(sys.argv) > 1:
        return f"manage.py {sys.argv[1]}"[:150]
    return (os.environ.get("SUPERVISOR_PROCESS_NAME", "") or name)[:150]
