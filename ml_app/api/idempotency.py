"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, does nothing a second time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

from ml_app.api.authentication import actor_of
from ml_app.api.problems import Refused
from ml_app.services import answers

HEADER = "Idempotency-Key"
LONGEST = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """What a POST has done, before it is written as JSON."""

    data: Any
    status: int = 200
    location: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def key_of(request: Request) -> str:
    """The key that was sent; empty if there is none.

    Raises:
        Refused: "bad_key".
    """
    key = request.headers.get(HEADER, "")
    if len(key) > LONGEST or not key.isprintable():
        text = _("An Idempotency-Key has up to %(number)d printable characters.") % {"number": LONGEST}
        raise Refused("bad_key", text, status=400)
    return key


def was_answered(request: Request) -> bool:
    """Whether the key of a request has an answer already, which costs nothing to give again."""
    key = key_of(request)
    return bool(key) and answers.kept_answer(owner=actor_of(request).owner, key=key) is not None


def once(
    request: Request, do: Callable[[], Answer], *, owner: str | None = None, content: Any = None
) -> HttpResponse:
    """Do it and answer, or give the answer that was given to the same key before.

    Args:
        request: With its key, or without.
        do: Raises where nothing was done.
        owner: Whose keys these are; by default whoever asks.
        content: Of the request, as JSON can hold it; another with the same key is refused.

    Raises:
        ServiceError: "key_reused" or "key_in_use", or what `do` raises.
    """
    key, whose = key_of(request), actor_of(request).owner if owner is None else owner
    if not key or not whose:
        return _written(do())
    row, is_new = answers.reserve(owner=whose, key=key, fingerprint=_fingerprint(request, content))
    if not is_new:
        return _response(row.body, row.status or 200, row.location, {"Idempotent-Replayed": "true"})
    try:
        answer = do()
        body = _json(answer.data)
        answers.keep(row, status=answer.status, body=body, location=answer.location)
    except BaseException:
        answers.release(row)
        raise
    return _response(body, answer.status, answer.location, answer.headers)


def _fingerprint(request: Request, content: Any) -> str:
    said = json.dumps([request.method, request.path, content], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()


def _json(data: Any) -> str:
    return json.dumps(data, cls=JSONEncoder, ensure_ascii=False)


def _written(answer: Answer) -> HttpResponse:
    return _response(_json(answer.data), answer.status, answer.location, answer.headers)


def _response(body: str, status: int, location: str, headers: dict[str, str]) -> HttpResponse:
    response = HttpResponse(body, status=status, content_type="application/json", headers=headers)
    if location:
        response["Location"] = location
    return response
