"""The installed detectors, with what was measured of each."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ml_app import services
from ml_app.api.base import ApiView
from ml_app.api.documenting import LOOKING
from ml_app.api.shapes import Shape
from ml_app.web.detector_figures import detector_figures


class FigureShape(Shape):
    """A measured figure with its 95 % interval, where that is known."""

    key = serializers.CharField()
    group = serializers.CharField(allow_blank=True, help_text="such as a family of fakes; empty for all")
    value = serializers.FloatField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField(allow_null=True)


class HeadShape(Shape):
    """The checkpoint for one number of frames."""

    frame_count = serializers.IntegerField()
    version = serializers.CharField()
    architecture = serializers.CharField(allow_blank=True)
    sha256 = serializers.CharField(allow_blank=True)
    threshold = serializers.FloatField()
    uncertain_low = serializers.FloatField()
    uncertain_high = serializers.FloatField()
    calibrated_on = serializers.CharField(allow_blank=True)
    training_data = serializers.CharField(allow_blank=True)
    licence = serializers.CharField(allow_blank=True)
    figures = FigureShape(many=True)


class DetectorShape(Shape):
    """An installed detector."""

    name = serializers.CharField()
    in_use = serializers.BooleanField(help_text="what a scan uses that names none")
    available = serializers.BooleanField()
    message = serializers.CharField(allow_blank=True, help_text="why it is not available")
    version = serializers.CharField(allow_blank=True)
    frame_counts = serializers.ListField(child=serializers.IntegerField())
    checkpoints = HeadShape(many=True)


class Detectors(ApiView):
    """All of them."""

    @extend_schema(operation_id="list_detectors", responses={200: DetectorShape(many=True), **LOOKING})
    def get(self, request: Request) -> Response:
        """The detector in use first, then the others."""
        return Response([_detector(name) for name in _names()])


class OneDetector(ApiView):
    """One of them."""

    @extend_schema(operation_id="get_detector", responses={200: DetectorShape, **LOOKING})
    def get(self, request: Request, name: str) -> Response:
        """A detector by its name."""
        if name not in _names():
            raise Http404("no such detector")
        return Response(_detector(name))


def _names() -> list[str]:
    return [
        settings.DETECTOR,
        *(name for name in services.installed_detectors() if name != settings.DETECTOR),
    ]


def _detector(name: str) -> Any:
    state = services.detector_state(name=name)
    about = {
        "name": name,
        "in_use": name == settings.DETECTOR,
        "available": state.available,
        "message": str(state.message),
        "version": state.version,
        "frame_counts": list(state.frame_counts),
        "checkpoints": detector_figures(name=name),
    }
    return DetectorShape(about).data
