"""What a scan found: persons, frames with their pictures, and what people decided about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from uuid import UUID

from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ml_app import services
from ml_app.api.authentication import scan_for
from ml_app.api.base import ApiView, json_object
from ml_app.api.documenting import CHANGING, LOOKING
from ml_app.api.idempotency import Answer, once
from ml_app.api.shapes import FaceShape, ReviewShape
from ml_app.errors import refuse
from ml_app.models import Review
from ml_app.services.access import Act
from ml_app.web.listings import faces_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class Faces(ApiView):
    """The persons of a scan."""

    @extend_schema(operation_id="list_faces", responses={200: FaceShape(many=True), **LOOKING})
    def get(self, request: Request, scan_id: UUID) -> Response:
        """Every person with every frame they were seen in, in order of time; none before a scan is done."""
        scan = scan_for(request, Act.SEE, scan_id)
        context = {"request": request, "scan_id": scan.pk}
        return Response(FaceShape(faces_of(scan), many=True, context=context).data)


class OneFace(ApiView):
    """One person."""

    @extend_schema(operation_id="get_face", responses={200: FaceShape, **LOOKING})
    def get(self, request: Request, scan_id: UUID, number: int) -> Response:
        """A person of a scan, by number."""
        scan = scan_for(request, Act.SEE, scan_id)
        face = next((face for face in faces_of(scan) if face.number == number), None)
        if face is None:
            raise Http404("no such person")
        return Response(FaceShape(face, context={"request": request, "scan_id": scan.pk}).data)


class Reviews(ApiView):
    """What people decided."""

    @extend_schema(operation_id="list_reviews", responses={200: ReviewShape(many=True), **LOOKING})
    def get(self, request: Request, scan_id: UUID) -> Response:
        """All decisions on a scan, the latest first."""
        scan = scan_for(request, Act.SEE, scan_id)
        return Response(ReviewShape(scan.reviews.select_related("reviewer"), many=True).data)

    @extend_schema(operation_id="review_scan", request=ReviewShape, responses={201: ReviewShape, **CHANGING})
    def post(self, request: Request, scan_id: UUID) -> HttpResponse:
        """Decide on a finished scan. Decisions are only ever added."""
        data = dict(json_object(request))

        def do() -> Answer:
            scan = scan_for(request, Act.REVIEW, scan_id)
            if data.get("decision") not in Review.Decision.values:
                raise refuse("bad_decision")
            asked = ReviewShape(data=data)
            asked.is_valid(raise_exception=True)
            reviewer = cast("User", request.user)
            review = services.record_review(scan=scan, reviewer=reviewer, **asked.validated_data)
            return Answer(dict(ReviewShape(review).data), 201)

        return once(request, do, content=data)
