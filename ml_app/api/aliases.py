"""`POST /upload` and `POST /detect`: what programs of other detectors know, for the same scans.

Both take a video and answer in three words. They wait a while for the scan, because those programs expect the
result at once; whoever has not got it by then asks `/detect` for the scan by its number.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from ml_app.api.authentication import scan_for
from ml_app.api.base import UploadView, json_object
from ml_app.api.documenting import ORDERING
from ml_app.api.idempotency import Answer, once
from ml_app.api.ordering import order, read_upload
from ml_app.api.shapes import Shape
from ml_app.errors import ServiceError, scan_errors
from ml_app.models import Scan, Verdict
from ml_app.services.access import Act

PAUSE_SECONDS = 0.25
WAITING_AT_ONCE = 4  # requests of a process; the threads of the others are left to the pages
_room = threading.BoundedSemaphore(WAITING_AT_ONCE)


class AliasUpload(Shape):
    """A form with a video, or the number of a scan."""

    video = serializers.FileField(required=False)
    scan = serializers.UUIDField(required=False)


class AliasAnswer(Shape):
    """A scan in three words."""

    prediction = serializers.ChoiceField(
        choices=[name.upper() for name in Verdict.values], allow_null=True, help_text="null: not done yet"
    )
    confidence = serializers.FloatField(
        allow_null=True, min_value=0.0, max_value=100.0, help_text="per cent, of the prediction"
    )
    scan = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Scan.Status.values)


class Alias(UploadView):
    """Both addresses."""

    @extend_schema(
        request={"multipart/form-data": AliasUpload},
        responses={200: AliasAnswer, 202: AliasAnswer, **ORDERING},
    )
    def post(self, request: Request) -> HttpResponse:
        """Send a video as `video` and wait a little; or ask by the number of a `scan`."""
        if not settings.API_ALIASES:
            raise Http404("switched off")
        if (request.content_type or "").partition(";")[0].strip().lower() == "application/json":
            scan = scan_for(request, Act.SEE, _number(json_object(request).get("scan")))
            return once(request, lambda: _answer(scan), content=str(scan.pk))
        upload = read_upload(request, "video", "file")
        return once(request, lambda: _answer(order(upload)), owner=upload.actor.owner, content=upload.content)


def _number(value: Any) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise Http404("no such scan") from error


def _answer(scan: Scan) -> Answer:
    """
    Raises:
        ServiceError: The scan has failed, with its code.
    """
    _wait_for(scan)
    if scan.status == Scan.Status.FAILED:
        raise ServiceError(scan.error_code, scan_errors.get(scan.error_code, scan.error_code))
    said = {
        "prediction": scan.verdict.upper() or None,
        "confidence": confidence(scan),
        "scan": str(scan.pk),
        "status": scan.status,
    }
    return Answer(said, 202 if scan.is_active else 200)


def _wait_for(scan: Scan) -> None:
    until = time.monotonic() + settings.API_ALIAS_WAIT_SECONDS
    with _a_place() as may_wait:
        while may_wait and scan.is_active and time.monotonic() < until:
            time.sleep(PAUSE_SECONDS)
            scan.refresh_from_db()


@contextmanager
def _a_place() -> Iterator[bool]:
    found = _room.acquire(blocking=False)
    try:
        yield found
    finally:
        if found:
            _room.release()


def confidence(scan: Scan) -> float | None:
    """How probable the prediction is, in per cent; for an uncertain one, its likelier side."""
    fake = scan.fake_probability
    if fake is None or not scan.verdict:
        return None
    share = {Verdict.FAKE.value: fake, Verdict.REAL.value: 1.0 - fake}.get(
        scan.verdict, max(fake, 1.0 - fake)
    )
    return round(share * 100, 2)
