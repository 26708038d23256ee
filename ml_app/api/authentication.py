"""Who asks: a program by its token, or a browser by its session. And what each is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from ml_app import audit
from ml_app.accounts.door import lacks_second_factor
from ml_app.api.problems import Refused
from ml_app.models import ApiToken, Batch, Scan
from ml_app.services import access, tokens
from ml_app.services.access import Act, Actor

if TYPE_CHECKING:
    from django.contrib.auth.models import User

BROWSER_SITES = ("same-origin", "none")  # of Sec-Fetch-Site: this site's own page, or the address bar


Row = TypeVar("Row", Scan, Batch)


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer …`. A token that opens nothing is refused, even where none is needed."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The account and its token; None where no token is shown."""
        word, _space, text = request.headers.get("Authorization", "").partition(" ")
        if word.lower() != "bearer":
            return None
        token = tokens.find_token(text.strip())
        if token is None:
            raise exceptions.AuthenticationFailed(_("This token is unknown, expired or revoked."))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What makes a refusal a 401."""
        return 'Bearer realm="api"'


class SessionAuthentication(authentication.BaseAuthentication):
    """The site's own cookie, of an account or of a visitor without one, safe from forged requests."""

    def authenticate(self, request: Request) -> tuple[Any, None]:
        """Never None: whoever shows nothing is a visitor.

        Raises:
            Refused: "csrf_failed", "sign_in_first" or "second_factor_needed".
        """
        plain = request._request
        refuse_forged(plain)
        user = plain.user if plain.user.is_active else AnonymousUser()
        if not (settings.ANONYMOUS_USE or user.is_authenticated):
            text = _("This site is for those with an account. Send a token, or sign in.")
            raise Refused(
                "sign_in_first", text, status=401, headers={"WWW-Authenticate": 'Bearer realm="api"'}
            )
        if lacks_second_factor(user):
            text = _("This site asks its staff for a second factor. Add one to your account first.")
            raise Refused("second_factor_needed", text, status=403)
        return user, None


def refuse_forged(request: HttpRequest) -> None:
    """
    Raises:
        Refused: "csrf_failed". Another site lets a visitor's browser send this.
    """
    if request.method in ("GET", "HEAD", "OPTIONS", "TRACE"):
        return
    # Without a cookie nobody's rights are used, but a page of elsewhere could still fill this site's disk.
    forged = _why_forged(request) if request.COOKIES else not _comes_from_here(request)
    if forged:
        text = _("Send the cookie csrftoken as the header X-CSRFToken too, or a token instead of cookies.")
        raise Refused("csrf_failed", text, status=403)


class _Check(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def _why_forged(request: HttpRequest) -> str:
    # On a copy that is no POST: Django would look for the token in the body first, and so read it.
    bare = HttpRequest()
    bare.META, bare.COOKIES, bare.method = request.META, request.COOKIES, "PUT"
    for_tests = "_dont_enforce_csrf_checks"  # Django's test client asks for it so
    setattr(bare, for_tests, getattr(request, for_tests, False))
    check = _Check(lambda request: HttpResponse())
    check.process_request(bare)
    return str(check.process_view(bare, lambda *args: HttpResponse(), (), {}) or "")


def _comes_from_here(request: HttpRequest) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in BROWSER_SITES
    origin = request.headers.get("Origin")
    return origin is None or origin == f"{request.scheme}://{request.get_host()}"


class ScopeAllows(permissions.BasePermission):
    """A token for reading reads."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises instead of answering False, for a code of its own."""
        token = cast("ApiToken | None", request.auth)
        if request.method in permissions.SAFE_METHODS or token is None:
            return True
        if token.scope != ApiToken.Scope.WRITE:
            raise Refused("read_only_token", _("This token is for reading only."), status=403)
        return True


def actor_of(request: Request) -> Actor:
    """Whoever asks, for the place that says who may do what."""
    if request.user.is_authenticated:
        return access.actor_of_user(request.user)
    return Actor(access.owner_of_session(request._request.session))


def uploader_of(request: Request) -> Actor:
    """The same for one who uploads: a visitor gets a session here."""
    actor = actor_of(request)
    return actor if actor.user else Actor(access.make_visitor(request._request.session))


def scan_for(request: Request, act: Act, scan_id: Any) -> Scan:
    """A scan to do this to. To others it does not exist; one who sees it may still not be allowed.

    Raises:
        Http404: It does not exist, or not for whoever asks.
        Refused: "not_allowed".
    """
    actor = actor_of(request)
    found = access.visible_scans(actor).filter(pk=scan_id).first()
    refusal = _("You may see this scan, but not do this to it.")
    scan = permitted(actor, act, found, "no such scan", refusal)
    if act is Act.SEE and scan.status == Scan.Status.DONE:
        audit.seen(scan)
    return scan


def permitted(actor: Actor, act: Act, row: Row | None, missing: str, refusal: str) -> Row:
    """What somebody sees, once it is sure that they may do this to it.

    Raises:
        Http404: They see nothing; `missing` says what.
        Refused: "not_allowed", with `refusal`.
    """
    if row is None:
        raise Http404(missing)
    if not access.may(actor, act, row):
        raise Refused("not_allowed", refusal, status=403)
    return row


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells the schema of tokens."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """As OpenAPI writes it."""
        return {"type": "http", "scheme": "bearer", "description": "`manage.py create_token` makes one."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells the schema of sessions."""

    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """As OpenAPI writes it."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The site's own cookie. Whatever changes something also needs `X-CSRFToken`.",
        }
