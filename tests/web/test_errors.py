"""Error pages in the look of the site."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client
from django.urls import path
from django.views.decorators.http import require_safe

from deepfake_site.urls import urlpatterns as site


@require_safe
def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret cause")


class Addresses:
    """The site with a page that fails."""

    urlpatterns = [path("fails/", fails), *site]
    handler500 = "ml_app.web.views.errors.server_error"


def test_404(newcomer: Client) -> None:
    response = newcomer.get("/nowhere/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
    assert "masthead" in response.content.decode()


def test_500_tells_nothing_of_the_cause(settings: Any, db: None) -> None:
    settings.ROOT_URLCONF = Addresses
    response = Client(raise_request_exception=False).get("/fails/")
    assert response.status_code == 500
    assert "Something went wrong here" in response.content.decode()
    assert "secret cause" not in response.content.decode()


def broken_database(error: type[Exception], **facts: object) -> Callable[..., Any]:
    """A database whose driver raises this, as Django's wrapper passes it on."""

    def answer(*args: Any) -> Any:
        cause = error("the secret cause")
        for name, value in facts.items():
            setattr(cause, name, value)
        raise OperationalError("the secret cause") from cause

    return answer


@pytest.mark.parametrize(
    ("facts", "status", "words"),
    [
        ({"sqlite_errorcode": 13}, 507, "no room left"),
        ({"sqlstate": "53100"}, 507, "no room left"),
        ({"sqlstate": "57P01"}, 503, "does not answer"),
        ({"sqlite_errorcode": 5}, 503, "does not answer"),
    ],
)
def test_a_database_that_fails_is_told(owner: Client, facts: Any, status: int, words: str) -> None:
    owner.raise_request_exception = False
    with connection.execute_wrapper(broken_database(Exception, **facts)):
        response = owner.get("/scans/")
        part = owner.get("/scans/", headers={"HX-Request": "true"})
        asked = owner.post("/", headers={"HX-Request": "true"})
    assert response.status_code == part.status_code == asked.status_code == status
    assert response["Retry-After"] == "30"
    assert words in response.content.decode()
    assert "masthead" in response.content.decode()
    assert "secret cause" not in response.content.decode()
    assert part["HX-Reswap"] == "none", "a page that polls goes on"
    assert asked.content.decode().startswith('<p class="error">')
    assert "HX-Reswap" not in asked


def test_413_for_a_server_in_front(newcomer: Client, settings: Any) -> None:
    settings.MAX_UPLOAD_MB = 77
    response = newcomer.post("/too-large/")
    assert response.status_code == 413
    assert "77 MB" in response.content.decode()


@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "413", "500", "503"])
def test_each_renders_without_context(code: str) -> None:
    page = render_to_string(f"{code}.html")
    assert "<h1>" in page
    assert "css/site.css" in page


def test_a_host_that_is_not_named_is_refused_in_our_look(
    newcomer: Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = newcomer.get("/", headers={"Host": "forged.example"})
    assert response.status_code == 400
    assert "The request was not understood" in response.content.decode()
    told = [record for record in caplog.records if record.name == "django.security.DisallowedHost"]
    assert [record.exc_info for record in told] == [None], (
        "the console is told in a line, without a traceback"
    )
    assert "You may need to add 'forged.example' to ALLOWED_HOSTS" in told[0].getMessage()
