"""What scans, persons and reviews look like as JSON; the schema is made from the same declarations."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers

from ml_app.api.provenance_shapes import ProvenanceShape
from ml_app.models import Evidence, Face, FaceFrame, Review, Scan, Verdict, Video
from ml_app.services import scan_errors
from ml_app.services.scanning.origins import origin_json
from ml_app.services.scanning.recorded import findings_json
from ml_app.web import wording

Shape = serializers.Serializer[Any]
DECISIONS = list(Review.Decision.values)
TEAM = "number of the team that shall see it, one of `teams` in `me`; left out, it stays yours alone"
ALSO = "detectors that are asked as well, of the same people; `findings.opinions` has what they say"
PROBABILITY: dict[str, Any] = {"min_value": 0.0, "max_value": 1.0, "allow_null": True}


def link(request: HttpRequest, name: str, *arguments: Any) -> str:
    """The whole address of something, as whoever asks reaches this site."""
    return request.build_absolute_uri(reverse(name, args=arguments))


class FileShape(serializers.ModelSerializer[Video]):
    """The uploaded file."""

    name = serializers.CharField(source="original_name")
    kept = serializers.BooleanField(source="file", help_text="false: deleted by retention, so no rerun")

    class Meta:
        model = Video
        fields = (
            "name",
            "kind",
            "sha256",
            "size",
            "kept",
            "container",
            "codec",
            "duration_s",
            "width",
            "height",
        )


class TeamShape(Shape):
    """A team."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()


class BriefScan(Shape):
    """A scan as lists have it."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Scan.Status.values)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    frame_count = serializers.IntegerField()
    detector = serializers.CharField(source="detector_name")
    also = serializers.ListField(child=serializers.CharField(), source="others", help_text=ALSO)
    queue = serializers.ChoiceField(choices=Scan.Queue.values)
    file = FileShape(source="video")
    team = TeamShape(allow_null=True, help_text="whose members see it; null: it is its owner's alone")
    progress = serializers.SerializerMethodField(help_text="while it runs")
    verdict = serializers.SerializerMethodField()
    reason = serializers.SerializerMethodField(help_text="why uncertain or not analysable")
    evidence = serializers.SerializerMethodField()
    fake_probability = serializers.FloatField(allow_null=True)
    words = serializers.SerializerMethodField(help_text="the verdict in the language that was asked for")
    review = serializers.SerializerMethodField(help_text="the latest decision of a person")
    error = serializers.SerializerMethodField(help_text="why it failed")
    links = serializers.SerializerMethodField()

    @extend_schema_field(
        inline_serializer(
            "Progress",
            {
                "stage": serializers.CharField(),
                "done": serializers.IntegerField(),
                "total": serializers.IntegerField(),
            },
            allow_null=True,
        )
    )
    def get_progress(self, scan: Scan) -> dict[str, Any] | None:
        if scan.status != Scan.Status.RUNNING:
            return None
        return {"stage": scan.stage, "done": scan.progress_done, "total": scan.progress_total}

    @extend_schema_field(serializers.ChoiceField(choices=Verdict.values, allow_null=True))
    def get_verdict(self, scan: Scan) -> str | None:
        return scan.verdict or None

    def get_reason(self, scan: Scan) -> str | None:
        return scan.reason or None

    @extend_schema_field(serializers.ChoiceField(choices=Evidence.values, allow_null=True))
    def get_evidence(self, scan: Scan) -> str | None:
        return scan.evidence or None

    def get_words(self, scan: Scan) -> str | None:
        return str(wording.headline(scan)) or None

    @extend_schema_field(serializers.ChoiceField(choices=DECISIONS, allow_null=True))
    def get_review(self, scan: Scan) -> str | None:
        return getattr(scan, "decision", None)

    @extend_schema_field(
        inline_serializer(
            "Failure", {"code": serializers.CharField(), "message": serializers.CharField()}, allow_null=True
        )
    )
    def get_error(self, scan: Scan) -> dict[str, str] | None:
        if scan.status != Scan.Status.FAILED:
            return None
        return {"code": scan.error_code, "message": str(scan_errors.get(scan.error_code, scan.error_code))}

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string", "format": "uri"}})
    def get_links(self, scan: Scan) -> dict[str, str]:
        request = self.context["request"]
        names = {
            "self": "api:scan",
            "page": "ml_app:scan",
            "cancel": "api:cancel",
            "rerun": "api:rerun",
            "faces": "api:faces",
            "reviews": "api:reviews",
            "video": "api:video",
        }
        return {key: link(request, name, scan.pk) for key, name in names.items()}


class FrameOfFindings(Shape):
    """One person in one frame; the box is left, top, right, bottom in pixels."""

    time_s = serializers.FloatField()
    box = serializers.ListField(child=serializers.IntegerField(), min_length=4, max_length=4)
    fake_probability = serializers.FloatField(min_value=0.0, max_value=1.0)


class FaceOfFindings(Shape):
    """One person."""

    id = serializers.IntegerField()
    fake_probability = serializers.FloatField(**PROBABILITY)
    frames = FrameOfFindings(many=True)


class DetectorOfFindings(Shape):
    """Which checkpoint it was."""

    name = serializers.CharField()
    version = serializers.CharField()
    architecture = serializers.CharField()
    frame_count = serializers.IntegerField()
    sha256 = serializers.CharField()


class FaceOfOpinion(FaceOfFindings):
    """One person of the scan as another detector judges them."""

    verdict = serializers.ChoiceField(choices=Verdict.values)
    reason = serializers.CharField(allow_null=True)
    evidence = serializers.ChoiceField(choices=Evidence.values)


class OpinionShape(Shape):
    """What another detector says of the same people, by a threshold of its own."""

    detector = DetectorOfFindings()
    verdict = serializers.ChoiceField(choices=Verdict.values)
    reason = serializers.CharField(allow_null=True)
    evidence = serializers.ChoiceField(choices=Evidence.values)
    fake_probability = serializers.FloatField(**PROBABILITY)
    threshold = serializers.FloatField(**PROBABILITY)
    uncertain_band = serializers.ListField(
        child=serializers.FloatField(), min_length=2, max_length=2, allow_null=True
    )
    frames_analysed = serializers.IntegerField()
    faces = FaceOfOpinion(many=True)
    notes = serializers.ListField(child=serializers.CharField())
    seconds = serializers.FloatField()


class SecondsOfFindings(Shape):
    """How long it took."""

    total = serializers.FloatField()
    decode = serializers.FloatField()
    faces = serializers.FloatField()
    network = serializers.FloatField()


class OriginShape(Shape):
    """Where the file was fetched from, as its host says; the hash is the file's."""

    url = serializers.CharField(help_text="as it was given")
    found_url = serializers.CharField(allow_null=True, help_text="where it led")
    title = serializers.CharField(allow_null=True)
    uploader = serializers.CharField(allow_null=True)
    fetched_at = serializers.DateTimeField(allow_null=True, help_text="null: not yet")


class FindingsShape(Shape):
    """What was found, with the keys of `manage.py analyze --json`."""

    file = serializers.CharField()
    origin = OriginShape(allow_null=True, help_text="null: the file was uploaded")
    kind = serializers.ChoiceField(choices=Video.Kind.values)
    sha256 = serializers.CharField()
    verdict = serializers.ChoiceField(choices=Verdict.values)
    reason = serializers.CharField(allow_null=True)
    fake_probability = serializers.FloatField(**PROBABILITY)
    frames_requested = serializers.IntegerField()
    frames_analysed = serializers.IntegerField(
        help_text="more than requested where faces were seen in a part of the video only"
    )
    frames_with_faces = serializers.IntegerField()
    duration_s = serializers.FloatField(allow_null=True, help_text="null: a picture")
    file_says = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="what a camera or an editor wrote into a picture: the file's own words, no evidence",
    )
    provenance = ProvenanceShape(
        allow_null=True, help_text="where the file says that it comes from; null: nobody looked"
    )
    faces = FaceOfFindings(many=True)
    detector = DetectorOfFindings()
    seconds = SecondsOfFindings()
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="codes; after a colon a code may have a number"
    )
    opinions = OpinionShape(many=True, help_text="of the detectors in `also`, in that order")
    error = serializers.JSONField(allow_null=True, help_text="null: what failed is told by the scan")


class WholeScan(BriefScan):
    """A scan with its findings, once it is done."""

    origin = serializers.SerializerMethodField(help_text="null: the file was uploaded")
    findings = serializers.SerializerMethodField()

    @extend_schema_field(OriginShape(allow_null=True))
    def get_origin(self, scan: Scan) -> dict[str, Any] | None:
        return origin_json(scan.video)

    @extend_schema_field(FindingsShape(allow_null=True))
    def get_findings(self, scan: Scan) -> dict[str, Any] | None:
        return findings_json(scan)


class FrameShape(Shape):
    """One person in one frame, with links to the pictures that are kept."""

    id = serializers.IntegerField()
    time_s = serializers.FloatField()
    box = serializers.SerializerMethodField()
    fake_probability = serializers.FloatField(min_value=0.0, max_value=1.0)
    sharpness = serializers.FloatField()
    brightness = serializers.FloatField()
    thumbnail = serializers.SerializerMethodField()
    heatmap = serializers.SerializerMethodField()

    def get_box(self, frame: FaceFrame) -> list[int]:
        return [frame.left, frame.top, frame.right, frame.bottom]

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_thumbnail(self, frame: FaceFrame) -> str | None:
        return self._link("api:thumbnail", frame) if frame.thumbnail else None

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_heatmap(self, frame: FaceFrame) -> str | None:
        return self._link("api:heatmap", frame) if frame.heatmap else None

    def _link(self, name: str, frame: FaceFrame) -> str:
        return link(self.context["request"], name, self.context["scan_id"], frame.pk)


class FaceShape(Shape):
    """One person followed through a scan."""

    number = serializers.IntegerField()
    verdict = serializers.ChoiceField(choices=Verdict.values)
    reason = serializers.CharField(allow_blank=True)
    evidence = serializers.ChoiceField(choices=Evidence.values)
    fake_probability = serializers.FloatField(**PROBABILITY)
    words = serializers.SerializerMethodField()
    frames = FrameShape(many=True)

    def get_words(self, face: Face) -> str:
        return str(wording.headline(face))


class ReviewShape(Shape):
    """A person's decision. There is no changing it: a change of mind is a new one."""

    decision = serializers.ChoiceField(choices=DECISIONS)
    note = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")
    at_s = serializers.FloatField(
        required=False, allow_null=True, default=None, help_text="a moment of the video that shows it"
    )
    person = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="the number of the person it is about"
    )
    reviewer = serializers.CharField(source="reviewer.username", read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
