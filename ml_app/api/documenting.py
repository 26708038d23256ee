"""What the schema says of requests and refusals beyond what the views' own declarations say."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from ml_app.api.idempotency import HEADER, LONGEST
from ml_app.api.problems import MEDIA_TYPE
from ml_app.api.shapes import ALSO, TEAM, Shape


class ProblemShape(Shape):
    """Why something was refused (RFC 9457). `code` is stable; `detail` is a sentence for people."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment] # the metaclass takes it out of the class
        required=False, help_text="what is wrong with which field"
    )


class UploadShape(Shape):
    """A form with a file."""

    file = serializers.FileField(help_text="the video; streamed to the disk as it comes")
    frame_count = serializers.ChoiceField(
        choices=settings.FRAME_COUNTS, required=False, help_text="how many frames to look at"
    )
    detector = serializers.CharField(required=False, help_text="one of `detectors`; by default the site's")
    also = serializers.ListField(child=serializers.CharField(), required=False, help_text=ALSO)
    team = serializers.IntegerField(required=False, help_text=TEAM)


class LinkShape(Shape):
    """A link to a video or to the page of one; a worker fetches it."""

    url = serializers.CharField(max_length=2000, help_text="https:// or http://")
    frame_count = serializers.ChoiceField(choices=settings.FRAME_COUNTS, required=False)
    detector = serializers.CharField(required=False)
    also = serializers.ListField(child=serializers.CharField(), required=False, help_text=ALSO)
    team = serializers.IntegerField(required=False, help_text=TEAM)


class WishesShape(Shape):
    """How to analyse a video again."""

    frame_count = serializers.ChoiceField(choices=settings.FRAME_COUNTS, required=False)
    detector = serializers.CharField(required=False)
    also = serializers.ListField(child=serializers.CharField(), required=False, help_text=ALSO)


class Deleting(Shape):
    """What goes with a scan."""

    video = serializers.BooleanField(required=False, default=False, help_text="the file and all its scans")


def _problems(**texts: str) -> dict[tuple[int, str], Any]:
    return {
        (int(status.removeprefix("s")), MEDIA_TYPE): OpenApiResponse(ProblemShape, text)
        for status, text in texts.items()
    }


LOOKING = _problems(
    s400="The request cannot be read.",
    s401="The token is unknown, expired or revoked.",
    s403="It may be seen, but this may not be done to it; or the token is for reading only.",
    s404="It does not exist, or not for whoever asks.",
    s422="`errors` says which part of the request cannot be used.",
    s503="The database does not answer; `Retry-After` says when to ask again.",
)
CHANGING = {
    **LOOKING,
    **_problems(
        s409="The Idempotency-Key was used for something else, or the state does not allow it.",
        s413="Larger than is accepted.",
        s415="Sent in a form that is not read here.",
    ),
}
ORDERING = {
    **CHANGING,
    **_problems(
        s422="`code` says why the file or a choice cannot be used.",
        s429="Too many at once; `Retry-After` says when to go on.",
        s503="Too many wait, or a part of the site is away; `Retry-After` says when to ask again.",
        s507="The server's disk is full.",
    ),
}
KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "maxLength": LONGEST, "pattern": "^[ -~]*$"},
    OpenApiParameter.HEADER,
    description="A new random text for each thing to do. Sent again with the same key and content, it is "
    "done once and answered alike; with other content it is refused.",
)


class Schema(AutoSchema):
    """Adds to every POST what is the same for all of them."""

    def get_override_parameters(self) -> list[Any]:
        """The key."""
        return [KEY] if self.method == "POST" else []

    def get_auth(self) -> list[dict[str, list[str]]]:
        """A token, a session, or neither: visitors need no account."""
        return [*super().get_auth(), {}]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        """What the schema calls a shape."""
        return str(super().get_serializer_name(serializer, direction)).removesuffix("Shape")

    def get_tags(self) -> list[str]:
        """The first word of the path: scans, detectors, me, webhooks."""
        words = self.path.strip("/").split("/")
        return [words[2] if words[:2] == ["api", "v1"] and len(words) > 2 else "aliases"]
