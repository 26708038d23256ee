"""Webhooks: note an address, see what was sent to it, send it again."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ml_app.api.base import ApiView, json_object
from ml_app.api.documenting import CHANGING, LOOKING
from ml_app.api.idempotency import Answer, once
from ml_app.api.listing import Pages
from ml_app.api.problems import Refused
from ml_app.api.shapes import Shape
from ml_app.models import Delivery, Webhook
from ml_app.services.notifications import webhooks


class WebhookShape(Shape):
    """An address that is told of one's scans that have ended."""

    id = serializers.UUIDField(read_only=True)
    url = serializers.CharField(max_length=500)
    created_at = serializers.DateTimeField(read_only=True)


class NewWebhookShape(WebhookShape):
    """The same with its secret, which is shown this once."""

    secret = serializers.CharField(read_only=True, help_text="base64; the key of the signature")


class DeliveryShape(Shape):
    """What was sent, and what came of it."""

    id = serializers.UUIDField(help_text="as the header Webhook-Id")
    event = serializers.CharField()
    scan = serializers.UUIDField(source="scan_id")
    created_at = serializers.DateTimeField()
    attempts = serializers.IntegerField()
    next_at = serializers.DateTimeField(allow_null=True, help_text="null: delivered or given up")
    delivered_at = serializers.DateTimeField(allow_null=True)
    status = serializers.IntegerField(allow_null=True, help_text="of the last answer")
    error = serializers.CharField(allow_blank=True)
    body = serializers.CharField()


class DeliveryPages(Pages):
    """Newest first."""

    ordering = ("-created_at",)


def _mine(request: Request) -> QuerySet[Webhook]:
    """
    Raises:
        Refused: "account_needed".
    """
    if not request.user.is_authenticated:
        raise Refused("account_needed", _("Webhooks are for accounts, not for visitors."), status=403)
    return Webhook.objects.filter(user=request.user)


def _one(request: Request, webhook_id: UUID) -> Webhook:
    row = Webhook.objects.filter(user_id=request.user.pk or 0, pk=webhook_id).first()
    if row is None:
        raise Http404("no such webhook")
    return row


class Webhooks(ApiView):
    """One's own."""

    @extend_schema(operation_id="list_webhooks", responses={200: WebhookShape(many=True), **LOOKING})
    def get(self, request: Request) -> Response:
        """All of them."""
        return Response(WebhookShape(_mine(request), many=True).data)

    @extend_schema(
        operation_id="create_webhook", request=WebhookShape, responses={201: NewWebhookShape, **CHANGING}
    )
    def post(self, request: Request) -> HttpResponse:
        """Be told of one's scans that end from now on. The answer shows the secret, once."""
        _mine(request)
        data = dict(json_object(request))

        def do() -> Answer:
            asked = WebhookShape(data=data)
            asked.is_valid(raise_exception=True)
            row = webhooks.create_webhook(user=cast(User, request.user), url=asked.validated_data["url"])
            where = reverse("api:webhook", args=[row.pk])
            return Answer(dict(NewWebhookShape(row).data), 201, where)

        return once(request, do, content=data)


class OneWebhook(ApiView):
    """One of them."""

    @extend_schema(operation_id="get_webhook", responses={200: WebhookShape, **LOOKING})
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """Without its secret."""
        return Response(WebhookShape(_one(request, webhook_id)).data)

    @extend_schema(operation_id="delete_webhook", responses={204: None, **LOOKING})
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Tell it nothing more. Its log goes with it."""
        webhooks.delete_webhook(webhook=_one(request, webhook_id))
        return Response(status=204)


class Deliveries(ApiView):
    """The log of one webhook."""

    @extend_schema(
        operation_id="list_deliveries",
        parameters=[*Pages.parameters],
        responses={200: DeliveryPages.shape(DeliveryShape), **LOOKING},
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """What was sent in the last thirty days, newest first."""
        pages = DeliveryPages()
        rows = pages.paginate_queryset(_one(request, webhook_id).deliveries.all(), request, view=self)
        return pages.get_paginated_response(DeliveryShape(rows, many=True).data)


class Replay(ApiView):
    """Sending something again."""

    @extend_schema(operation_id="replay_delivery", request=None, responses={202: DeliveryShape, **CHANGING})
    def post(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> HttpResponse:
        """The same body under the same id, as soon as a worker has time."""

        def do() -> Answer:
            row = Delivery.objects.filter(webhook=_one(request, webhook_id), pk=delivery_id).first()
            if row is None:
                raise Http404("no such delivery")
            webhooks.replay(delivery=row)
            said: dict[str, Any] = dict(DeliveryShape(row).data)
            return Answer(said, 202)

        return once(request, do)
