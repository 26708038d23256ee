"""Batches: many videos at once, from a zip file, a table of links, a list of links, or one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ml_app import services
from ml_app.api.authentication import actor_of, permitted, uploader_of
from ml_app.api.base import ApiView, UploadView, json_object
from ml_app.api.batch_shapes import (
    BatchFilesFilter,
    BatchListFilter,
    BatchOrder,
    BatchShape,
    BatchUpload,
    FileUpload,
    ItemShape,
)
from ml_app.api.documenting import CHANGING, LOOKING, ORDERING
from ml_app.api.idempotency import Answer, key_of, once, was_answered
from ml_app.api.listing import Pages, asked_team
from ml_app.api.ordering import Wishes, read_wishes, sent_file
from ml_app.batches import acting, creating, results
from ml_app.models import Batch, BatchQuerySet, Scan
from ml_app.services import access
from ml_app.services.access import Act


class BatchPages(Pages):
    """Newest first."""

    ordering = ("-created_at",)


class ItemPages(Pages):
    """In the order in which they were given."""

    ordering = ("number",)


def batch_for(request: Request, act: Act, batch_id: UUID) -> Batch:
    """A batch to do this to. To others it does not exist.

    Raises:
        Http404: It does not exist, or not for whoever asks.
        Refused: "not_allowed".
    """
    actor = actor_of(request)
    row = access.visible_batches(actor).filter(pk=batch_id).first()
    return permitted(actor, act, row, "no such batch", _("You may see this batch, but not do this to it."))


def told(request: Request, batch: Batch) -> dict[str, Any]:
    """A batch as JSON."""
    return dict(BatchShape(batch, context={"request": request}).data)


class Batches(UploadView):
    """All of one's batches."""

    @extend_schema(
        operation_id="list_batches",
        parameters=[BatchListFilter, *BatchPages.parameters],
        responses={200: BatchPages.shape(BatchShape), **LOOKING},
    )
    def get(self, request: Request) -> Response:
        """One's own, or those of a `team`, newest first."""
        pages = BatchPages()
        mine = _listed(request)
        rows = list(pages.paginate_queryset(mine, request, view=self) or ())
        context = {"request": request, "counts": results.counts_of(rows)}
        return pages.get_paginated_response(BatchShape(rows, many=True, context=context).data)

    @extend_schema(
        operation_id="create_batch",
        request={"multipart/form-data": BatchUpload, "application/json": BatchOrder},
        responses={202: BatchShape, **ORDERING},
    )
    def post(self, request: Request) -> HttpResponse:
        """Send a zip file, a table of links, a list of links (`urls`), or nothing yet: then add files."""
        key_of(request)
        if not was_answered(request):
            services.refuse_if_full(queue=Scan.Queue.BATCH)
        return self._from_json(request) if _is_json(request) else self._from_file(request)

    def _from_json(self, request: Request) -> HttpResponse:
        data = dict(json_object(request))
        asked = BatchOrder(data=data)
        asked.is_valid(raise_exception=True)
        order = _order(request, read_wishes(data, actor=actor_of(request)))
        name, urls = asked.validated_data.get("name", ""), asked.validated_data.get("urls")

        def do() -> Answer:
            if urls is None:
                return _created(request, creating.create_empty(order=order, name=name))
            return _created(request, creating.create_from_links(order=order, name=name, links=urls))

        return once(request, do, owner=order.owner, content=data)

    def _from_file(self, request: Request) -> HttpResponse:
        wishes, file = sent_file(request, "file")
        order = _order(request, wishes)
        content = {"file": [file.name, file.sha256], **wishes.content}

        def do() -> Answer:
            return _created(request, creating.create_from_file(order=order, upload=file))

        return once(request, do, owner=order.owner, content=content)


def _listed(request: Request) -> BatchQuerySet:
    asked = BatchListFilter(data=request.query_params)
    asked.is_valid(raise_exception=True)
    team = asked.validated_data.get("team")
    actor = actor_of(request)
    if team is None:
        return access.own_batches(actor)
    return access.batches_of_team(actor, asked_team(actor, team).pk)


def _is_json(request: Request) -> bool:
    return (request.content_type or "").partition(";")[0].strip().lower() == "application/json"


def _order(request: Request, wishes: Wishes) -> creating.Order:
    actor = uploader_of(request)
    if actor.user is None:
        get_token(request._request)  # a visitor needs the token's cookie for whatever comes next
    return creating.Order(
        actor.owner, actor.user, wishes.frame_count, wishes.detector, wishes.team, wishes.others
    )


def _created(request: Request, batch: Batch) -> Answer:
    return Answer(told(request, batch), 202, reverse("api:batch", args=[batch.pk]))


class OneBatch(ApiView):
    """One batch."""

    @extend_schema(operation_id="get_batch", responses={200: BatchShape, **LOOKING})
    def get(self, request: Request, batch_id: UUID) -> Response:
        """How far it has come, in numbers."""
        return Response(told(request, batch_for(request, Act.SEE, batch_id)))

    @extend_schema(operation_id="delete_batch", responses={204: None, **LOOKING})
    def delete(self, request: Request, batch_id: UUID) -> Response:
        """Cancel and delete it. Its scans stay."""
        acting.delete(batch=batch_for(request, Act.DELETE, batch_id))
        return Response(status=204)


class BatchFiles(UploadView):
    """The files of a batch."""

    @extend_schema(
        operation_id="list_batch_files",
        parameters=[BatchFilesFilter, *ItemPages.parameters],
        responses={200: ItemPages.shape(ItemShape), **LOOKING},
    )
    def get(self, request: Request, batch_id: UUID) -> Response:
        """What became of each, in the order in which they were given."""
        asked = BatchFilesFilter(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = results.items(batch_for(request, Act.SEE, batch_id), **asked.validated_data)
        pages = ItemPages()
        rows = pages.paginate_queryset(found, request, view=self)
        return pages.get_paginated_response([results.row(item) for item in rows])

    @extend_schema(
        operation_id="add_batch_file",
        request={"multipart/form-data": FileUpload},
        responses={202: ItemShape, **ORDERING},
    )
    def post(self, request: Request, batch_id: UUID) -> HttpResponse:
        """One more file. What cannot be analysed is in its row, too, with the reason."""
        key_of(request)
        batch = batch_for(request, Act.ADD, batch_id)
        _wishes, file = sent_file(request, "file")

        def do() -> Answer:
            item = creating.add_file(batch=batch, upload=file)
            return Answer(results.row(results.items(batch).get(pk=item.pk)), 202)

        return once(request, do, content=[str(batch_id), file.name, file.sha256])


class _Act(ApiView):
    """Doing something to a batch."""

    act: Act
    do: Callable[..., object]

    def _do(self, request: Request, batch_id: UUID) -> HttpResponse:
        def do() -> Answer:
            batch = batch_for(request, self.act, batch_id)
            type(self).do(batch=batch)
            return Answer(told(request, batch))

        return once(request, do)


class PauseBatch(_Act):
    """Pausing."""

    act, do = Act.CANCEL, staticmethod(acting.pause)

    @extend_schema(operation_id="pause_batch", request=None, responses={200: BatchShape, **CHANGING})
    def post(self, request: Request, batch_id: UUID) -> HttpResponse:
        """Begin nothing more; what runs goes on."""
        return self._do(request, batch_id)


class ResumeBatch(_Act):
    """Going on."""

    act, do = Act.CANCEL, staticmethod(acting.resume)

    @extend_schema(operation_id="resume_batch", request=None, responses={200: BatchShape, **CHANGING})
    def post(self, request: Request, batch_id: UUID) -> HttpResponse:
        """Go on."""
        return self._do(request, batch_id)


class CancelBatch(_Act):
    """Cancelling."""

    act, do = Act.CANCEL, staticmethod(acting.cancel)

    @extend_schema(operation_id="cancel_batch", request=None, responses={200: BatchShape, **CHANGING})
    def post(self, request: Request, batch_id: UUID) -> HttpResponse:
        """Stop everything that has not ended."""
        return self._do(request, batch_id)


class RerunBatch(_Act):
    """Running the failed ones again."""

    act, do = Act.RERUN, staticmethod(acting.rerun_failed)

    @extend_schema(operation_id="rerun_batch", request=None, responses={200: BatchShape, **CHANGING})
    def post(self, request: Request, batch_id: UUID) -> HttpResponse:
        """Order those anew that have failed or were cancelled."""
        return self._do(request, batch_id)
