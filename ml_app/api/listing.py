"""Lists: which rows, and a page of them at a time by a cursor that stays right while rows come in."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from ml_app.api.authentication import actor_of
from ml_app.api.problems import Refused
from ml_app.api.shapes import Shape
from ml_app.errors import refuse
from ml_app.models import Scan, ScanQuerySet, Team, Verdict, Video
from ml_app.services import access
from ml_app.services.access import Actor

MOST = 2**63  # what a database takes for a number
HEX = hashlib.sha256().digest_size * 2


class ScanFilter(Shape):
    """Which scans to list. A wrong filter is refused, so that no program takes all for some."""

    status = serializers.ChoiceField(choices=Scan.Status.values, required=False)
    verdict = serializers.ChoiceField(choices=Verdict.values, required=False)
    kind = serializers.ChoiceField(choices=Video.Kind.values, required=False)
    name = serializers.CharField(required=False, max_length=255, help_text="part of the file's name")
    sha256 = serializers.RegexField(rf"^[0-9a-f]{{{HEX}}}$", required=False, help_text="of the file")
    detector = serializers.CharField(required=False, max_length=64)
    since = serializers.DateField(required=False, help_text="first day")
    until = serializers.DateField(required=False, help_text="last day")
    everyone = serializers.BooleanField(
        required=False, default=False, help_text="everybody's, for staff alone"
    )
    team = serializers.IntegerField(required=False, help_text="those of one of your teams, by its number")
    mine = serializers.BooleanField(
        required=False, default=True, help_text="false: all that you see, those of your teams among them"
    )


def chosen_scans(request: Request) -> ScanQuerySet:
    """The scans that the query asks for, with their videos.

    Raises:
        ValidationError: A filter cannot be used.
        Refused: "not_allowed" where everybody's are asked for without the right to see them.
    """
    asked = ScanFilter(data=request.query_params)
    asked.is_valid(raise_exception=True)
    chosen = dict(asked.validated_data)
    actor = actor_of(request)
    everyone, mine, team = chosen.pop("everyone"), chosen.pop("mine"), chosen.pop("team", None)
    if everyone and not actor.is_staff:
        raise Refused("not_allowed", _("Only staff may list everybody's scans."), status=403)
    whose = "" if mine and not everyone else access.EVERYTHING
    scans = access.listed_scans(actor, whose if team is None else str(asked_team(actor, team).pk))
    columns = {"sha256": "video__sha256", "detector": "detector_name"}
    exact = {column: chosen.pop(name) for name, column in columns.items() if name in chosen}
    return scans.filter(**exact).matching(**chosen)


def asked_team(actor: Actor, number: int) -> Team:
    """A team whose rows are asked for.

    Raises:
        ServiceError: "no_such_team": there is none, or not for whoever asks.
    """
    team = access.visible_teams(actor).filter(pk=number).first() if number < MOST else None
    if team is None:
        raise refuse("no_such_team")
    return team


class Pages(CursorPagination):
    """A page at a time; `next` and `previous` are whole addresses."""

    page_size = 25
    max_page_size = 100
    page_size_query_param = "page_size"
    parameters: ClassVar[list[OpenApiParameter]] = [
        OpenApiParameter("cursor", str, description="from `next` or `previous` of a page"),
        OpenApiParameter("page_size", {"type": "integer", "minimum": 1, "maximum": max_page_size}),
    ]

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """
        Raises:
            Refused: "bad_cursor".
        """
        try:
            return super().paginate_queryset(queryset, request, view) or []
        except (NotFound, ValidationError, ValueError, OverflowError) as error:
            text = _("This cursor is none of ours. Take it from “next” or “previous” of a page.")
            raise Refused("bad_cursor", text) from error

    @classmethod
    def shape(cls, of: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
        """What a page looks like."""
        fields = {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": of(many=True),
        }
        return inline_serializer(f"PageOf{of.__name__}", fields)


class ScanPages(Pages):
    """Newest first."""

    ordering = ("-created_at",)
