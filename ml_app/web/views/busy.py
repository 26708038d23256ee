"""Telling people that the queue is full, before they have sent anything."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ml_app import services
from ml_app.services.scanning.queueing import RETRY_SECONDS
from ml_app.storage.uploads import throw_away_body
from ml_app.web.views.owners import owner_of


def queue_of(request: HttpRequest) -> services.QueueState:
    """The queue that the next upload of whoever asks would wait in."""
    return services.queue_state(queue=services.queue_for(owner=owner_of(request)))


def come_back_later(response: HttpResponse) -> HttpResponse:
    """Make it a 503 that says when to ask again."""
    response.status_code = 503
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


class Unread(HttpResponse):
    """A page that answers a request whose body nobody has read."""

    def __init__(self, request: HttpRequest, page: HttpResponse) -> None:
        """With the content of `page`."""
        super().__init__(page.content, status=page.status_code)
        self._request = request

    def close(self) -> None:
        super().close()
        throw_away_body(self._request)


@never_cache
@require_safe
def queue(request: HttpRequest) -> JsonResponse:
    """What a script asks before it sends a file: `full`, how many are `waiting`, a `message` for people."""
    state = queue_of(request)
    answer = {"full": state.is_full, "waiting": state.waiting, "message": str(state.message)}
    response = JsonResponse(answer)
    if state.is_full:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response
