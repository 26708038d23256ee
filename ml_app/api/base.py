"""What all views of the API share: how bodies are read, who is let in, what is never cached."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import IO, Any

from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from ml_app.api import authentication, problems
from ml_app.errors import refuse

LARGEST_JSON = 256 * 1024  # bytes; a note is the longest thing that is said in JSON


class SmallJson(BaseParser):
    """JSON that fits into memory: the framework's own parser reads whatever comes."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, context: Any = None) -> Any:
        """
        Raises:
            ServiceError: "too_large".
            ParseError: It is no JSON.
        """
        raw = stream.read(LARGEST_JSON + 1)
        if len(raw) > LARGEST_JSON:
            raise refuse("too_large")
        try:
            return json.loads(raw.decode(), parse_constant=_no_number) if raw else {}
        except (ValueError, RecursionError) as error:
            raise ParseError(_("The body is no JSON.")) from error


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class OnlyJson(BaseContentNegotiation):
    """Everything is answered in JSON, whatever a browser says that it would rather have."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """The one that fits what was sent."""
        kind = (request.content_type or SmallJson.media_type).partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """The first."""
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """A view of the API."""

    authentication_classes = (authentication.TokenAuthentication, authentication.SessionAuthentication)
    permission_classes = (authentication.ScopeAllows,)
    parser_classes: Sequence[type[BaseParser]] = (SmallJson,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = OnlyJson
    metadata_class = None  # the schema says what OPTIONS would

    def get_exception_handler(self) -> Any:
        """Errors of other apps of the framework, if any come, are not ours to format."""
        return problems.handle

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """What belongs to somebody is kept by nobody on the way."""
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return super().finalize_response(request, response, *args, **kwargs)


class UploadView(ApiView):
    """One that takes files. They are read past the framework, as on the page: see `uploading`."""

    parser_classes = (MultiPartParser, SmallJson)


def json_object(request: Request) -> Mapping[str, Any]:
    """The members of the JSON object that was sent; none for an empty body.

    Raises:
        ParseError: It is something else.
    """
    if request.META.get("CONTENT_LENGTH") in (None, "", "0"):
        return {}  # whatever type an empty body is said to have
    data = request.data
    if not isinstance(data, Mapping):
        raise ParseError(_("Send a JSON object."))
    return data
