"""What goes wrong, as problem+json (RFC 9457), with the codes of the pages and the command line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import set_rollback

from ml_app.errors import ServiceError
from ml_app.services.health import database_is_full
from ml_app.services.scanning.queueing import RETRY_SECONDS
from ml_app.storage.uploads import throw_away_body

logger = logging.getLogger("django.request")  # where Django itself tells of what nobody caught
MEDIA_TYPE = "application/problem+json"
DATABASE_RETRY_SECONDS = 30

# Of the codes of services; 422 for any other
STATUS = {
    "too_large": 413,
    "disk_full": 507,
    "detector_unavailable": 503,
    "queue_full": 503,
    "too_many": 429,
    "not_finished": 409,
    "no_report": 409,
    "pdf_busy": 503,
    "pdf_unavailable": 503,
    "pdf_failed": 500,
    "scan_active": 409,
    "already_running": 409,
    "batch_ended": 409,
    "batch_not_over": 409,
    "key_reused": 409,
    "key_in_use": 409,
    "upload_interrupted": 400,
}
RETRY_AFTER = {
    "queue_full": RETRY_SECONDS,
    "too_many": RETRY_SECONDS,
    "detector_unavailable": RETRY_SECONDS,
    "key_in_use": 2,
    "pdf_busy": 5,
}


class Refused(ServiceError):  # noqa: N818 - it is a refusal with a code, as its parent's are
    """Something that the API alone refuses, with its own status and headers."""

    def __init__(
        self,
        code: str,
        message: str | Promise,
        *,
        status: int = 422,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.status = status
        self.headers = dict(headers or {})


class Problem(JsonResponse):
    """A refusal. Whatever of the request's body nobody has read is thrown away once the answer is out."""

    def __init__(
        self,
        request: HttpRequest,
        *,
        status: int,
        code: str,
        detail: str | Promise,
        headers: Mapping[str, str] | None = None,
        errors: Mapping[str, Any] | None = None,
    ) -> None:
        """`errors` says what is wrong with which field."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code,
            "detail": str(detail),
        }
        if errors:
            body["errors"] = errors
        super().__init__(body, status=status, content_type=MEDIA_TYPE, headers=dict(headers or {}))
        self._request = request

    def close(self) -> None:
        super().close()
        throw_away_body(self._request)


def of_error(error: ServiceError, request: HttpRequest) -> Problem:
    """The refusal of a service."""
    if isinstance(error, Refused):
        return Problem(
            request, status=error.status, code=error.code, detail=error.message, headers=error.headers
        )
    wait = RETRY_AFTER.get(error.code)
    return Problem(
        request,
        status=STATUS.get(error.code, 422),
        code=error.code,
        detail=error.message,
        headers={"Retry-After": str(wait)} if wait else None,
    )


def handle(error: Exception, context: Mapping[str, Any]) -> Problem:
    """REST framework's EXCEPTION_HANDLER: every error of an API view ends here."""
    set_rollback()
    asked: Request = context["request"]
    request = asked._request  # what throws the body away reads past the framework
    for kind, answer in _ANSWERS.items():
        if isinstance(error, kind):
            return answer(error, request)
    got_request_exception.send(sender=None, request=request)  # for Sentry, and for tests
    logger.error("Internal Server Error: %s", request.path, exc_info=error)
    text = _("Something went wrong that was not foreseen. The log of the server says what.")
    return Problem(request, status=500, code="internal_error", detail=text)


def not_found(request: HttpRequest) -> Problem:
    """What does not exist, or not for whoever asks."""
    return Problem(request, status=404, code="not_found", detail=_("There is nothing at this address."))


_CODES = {
    exceptions.ParseError: "malformed",
    exceptions.AuthenticationFailed: "bad_token",
    exceptions.NotAuthenticated: "bad_token",
    exceptions.PermissionDenied: "not_allowed",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
}


def _of_framework(error: exceptions.APIException, request: HttpRequest) -> Problem:
    headers = {}
    if isinstance(error, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    if isinstance(error, exceptions.ValidationError):
        return Problem(
            request,
            status=422,
            code="invalid",
            detail=_("Some of what was sent cannot be used; “errors” says what."),
            errors=error.detail if isinstance(error.detail, dict) else {"": error.detail},
        )
    code = _CODES.get(type(error), "refused")
    return Problem(request, status=error.status_code, code=code, detail=str(error.detail), headers=headers)


def _of_database(error: Exception, request: HttpRequest) -> Problem:
    full = database_is_full(error)
    logger.error("The database failed: %s", request.path, exc_info=error)
    return Problem(
        request,
        status=507 if full else 503,
        code="database_full" if full else "database_away",
        detail=_("The database has no room left. Nothing was done.")
        if full
        else _("The database does not answer. Nothing was done; try it again."),
        headers={"Retry-After": str(DATABASE_RETRY_SECONDS)},
    )


def _of_reading(error: Exception, request: HttpRequest) -> Problem:
    too_big = isinstance(error, RequestDataTooBig)
    code, status = ("too_large", 413) if too_big else ("malformed", 400)
    return Problem(request, status=status, code=code, detail=_("The request cannot be read."))


_ANSWERS: dict[type[Exception], Callable[[Any, HttpRequest], Problem]] = {
    ServiceError: of_error,
    exceptions.APIException: _of_framework,
    Http404: lambda error, request: not_found(request),
    PermissionDenied: lambda error, request: Problem(
        request, status=403, code="not_allowed", detail=_("You may not do this.")
    ),
    OperationalError: _of_database,
    InterfaceError: _of_database,
    MultiPartParserError: _of_reading,
    SuspiciousOperation: _of_reading,
    UnreadablePostError: _of_reading,
}
