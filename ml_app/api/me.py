"""Who is asking, and what they may do here."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ml_app import services
from ml_app.api.authentication import actor_of
from ml_app.api.base import ApiView
from ml_app.api.documenting import LOOKING
from ml_app.api.shapes import Shape, TeamShape
from ml_app.models import ApiToken, Role
from ml_app.services import access
from ml_app.storage.uploads import max_upload_bytes


class TokenShape(Shape):
    """The token that was shown, without its secret."""

    name = serializers.CharField(allow_blank=True)
    prefix = serializers.CharField()
    scope = serializers.ChoiceField(choices=ApiToken.Scope.values)
    expires_at = serializers.DateTimeField(allow_null=True)


class LimitsShape(Shape):
    """What an upload may be."""

    max_upload_bytes = serializers.IntegerField()
    max_duration_s = serializers.FloatField()
    frame_counts = serializers.ListField(child=serializers.IntegerField())
    default_frame_count = serializers.IntegerField()
    default_detector = serializers.CharField()


class QueueShape(Shape):
    """The queue that the next scan would wait in."""

    name = serializers.CharField()
    waiting = serializers.IntegerField()
    full = serializers.BooleanField()


class OwnTeamShape(TeamShape):
    """A team that one belongs to."""

    role = serializers.ChoiceField(choices=Role.values)


class MeShape(Shape):
    """Whoever asks."""

    kind = serializers.ChoiceField(choices=["account", "visitor", "newcomer"])
    username = serializers.CharField(allow_null=True)
    is_staff = serializers.BooleanField()
    teams = OwnTeamShape(many=True)
    token = TokenShape(allow_null=True)
    limits = LimitsShape()
    queue = QueueShape()


class Me(ApiView):
    """Whoever asks."""

    @extend_schema(operation_id="me", responses={200: MeShape, **LOOKING})
    def get(self, request: Request) -> Response:
        """Account, token, limits and queue. Gives a browser the cookie csrftoken as well."""
        if request.auth is None:
            get_token(request._request)
        return Response(MeShape(_about(request)).data)


def _about(request: Request) -> dict[str, Any]:
    actor = actor_of(request)
    queue = services.queue_state(queue=services.queue_for(owner=actor.owner))
    return {
        "kind": "account" if actor.user else "visitor" if actor.owner else "newcomer",
        "username": actor.user.get_username() if actor.user else None,
        "is_staff": actor.is_staff,
        "teams": [
            {"pk": team.pk, "name": team.name, "role": actor.roles[team.pk]}
            for team in access.joined_teams(actor)
        ],
        "token": request.auth,
        "limits": {
            "max_upload_bytes": max_upload_bytes(),
            "max_duration_s": services.limits().max_duration_s,
            "frame_counts": list(settings.FRAME_COUNTS),
            "default_frame_count": settings.DEFAULT_FRAME_COUNT,
            "default_detector": settings.DETECTOR,
        },
        "queue": {"name": queue.queue, "waiting": queue.waiting, "full": queue.is_full},
    }
