"""What batches look like as JSON."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ml_app.api.shapes import PROBABILITY, TEAM, Shape, TeamShape, link
from ml_app.batches import results
from ml_app.models import Batch, Evidence, ItemState, Verdict


class BatchUpload(Shape):
    """A form with a zip file, or with a table of links."""

    file = serializers.FileField(help_text="a zip file of videos; or CSV, or one link a line")
    frame_count = serializers.ChoiceField(choices=settings.FRAME_COUNTS, required=False)
    detector = serializers.CharField(required=False)
    team = serializers.IntegerField(required=False, help_text=TEAM)


class BatchOrder(Shape):
    """Links; or no `urls`, and files are added one by one."""

    urls = serializers.ListField(
        child=serializers.CharField(max_length=2000, allow_blank=True), required=False, min_length=1
    )
    name = serializers.CharField(required=False, max_length=200, allow_blank=True)
    frame_count = serializers.ChoiceField(choices=settings.FRAME_COUNTS, required=False)
    detector = serializers.CharField(required=False)
    team = serializers.IntegerField(required=False, help_text=TEAM)


class BatchListFilter(Shape):
    """Whose batches to list."""

    team = serializers.IntegerField(required=False, help_text="those of one of your teams, by its number")


class FileUpload(Shape):
    """A form with a file."""

    file = serializers.FileField()


class BatchFilesFilter(Shape):
    """Which files to list."""

    state = serializers.ChoiceField(choices=ItemState.values, required=False)
    verdict = serializers.ChoiceField(choices=Verdict.values, required=False)


class BatchShape(Shape):
    """A batch in numbers."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    frame_count = serializers.IntegerField()
    detector = serializers.CharField(source="detector_name")
    paused = serializers.BooleanField(source="is_paused")
    team = TeamShape(allow_null=True)
    cancelled = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()
    links = serializers.SerializerMethodField()

    def get_cancelled(self, batch: Batch) -> bool:
        return batch.cancelled_at is not None

    @extend_schema_field(
        {
            "type": "object",
            "properties": {
                "total": {"type": "integer"},
                "ended": {"type": "integer"},
                "states": {"type": "object", "additionalProperties": {"type": "integer"}},
                "verdicts": {"type": "object", "additionalProperties": {"type": "integer"}},
            },
            "required": ["total", "ended", "states", "verdicts"],
        }
    )
    def get_counts(self, batch: Batch) -> dict[str, Any]:
        known = self.context.get("counts", {})  # of a list, read for all of it together
        found = known.get(batch.pk) or results.counts(batch)
        return {
            "total": found.total,
            "ended": found.ended,
            "states": found.states,
            "verdicts": found.verdicts,
        }

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string", "format": "uri"}})
    def get_links(self, batch: Batch) -> dict[str, str]:
        request = self.context["request"]
        names = {
            "self": "api:batch",
            "page": "ml_app:batch",
            "files": "api:batch_files",
            "pause": "api:pause_batch",
            "resume": "api:resume_batch",
            "cancel": "api:cancel_batch",
            "rerun": "api:rerun_batch",
        }
        return {key: link(request, name, batch.pk) for key, name in names.items()}


class ItemShape(Shape):
    """One file of a batch."""

    number = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=ItemState.values)
    code = serializers.CharField(allow_null=True, help_text="why it was refused, or has failed")
    reason = serializers.CharField(allow_null=True, help_text="the same in words, or a finding's reason")
    scan = serializers.UUIDField(allow_null=True)
    sha256 = serializers.CharField(allow_null=True)
    url = serializers.CharField(allow_null=True)
    verdict = serializers.ChoiceField(choices=Verdict.values, allow_null=True)
    evidence = serializers.ChoiceField(choices=Evidence.values, allow_null=True)
    fake_probability = serializers.FloatField(**PROBABILITY)
    frames_analysed = serializers.IntegerField(allow_null=True)
    frame_count = serializers.IntegerField(allow_null=True)
    detector = serializers.CharField(allow_null=True)
    detector_version = serializers.CharField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
