"""Who came, went, failed to come in, or changed how they come in: heard where Django and allauth tell it.

These are the only places that every way of signing in passes. What is heard goes into the audit log alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.signals import password_changed, password_reset, password_set, user_signed_up
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Q
from django.dispatch import Signal
from django.utils import timezone

from ml_app import audit
from ml_app.audit import Action, ObjectKind, Subject
from ml_app.audit.who import address_now, who_is
from ml_app.models import AuditEntry

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def connect() -> None:
    """Hear from now on."""
    heard: dict[Signal, Any] = {
        user_logged_in: _came,
        user_logged_out: _went,
        user_login_failed: _failed,
        user_signed_up: _made,
        password_changed: _password,
        password_reset: _password,
        password_set: _password,
        authenticator_added: _factor_made,
        authenticator_reset: _factor_changed,
        authenticator_removed: _factor_deleted,
        authentication_failed: _factor_failed,
    }
    for signal, receiver in heard.items():
        signal.connect(receiver, dispatch_uid=f"audit {receiver.__name__}")


def _came(sender: Any, user: User, **extra: Any) -> None:
    audit.record(Action.SIGNED_IN, user, who=who_is(user))


def _went(sender: Any, user: User | None, **extra: Any) -> None:
    if user is not None and user.pk is not None:  # one that was just deleted has an entry of that
        audit.record(Action.SIGNED_OUT, user, who=who_is(user))


def _failed(sender: Any, credentials: dict[str, Any], **extra: Any) -> None:
    """A wrong name or password. What was typed is kept only where it is an account's name or address.

    People type their password where the name belongs, and the log is for good. An address that goes on and on
    is locked out by axes; of it, no more entries are made in that time than it had tries.
    """
    address = address_now()
    lately = timezone.now() - settings.AXES_COOLOFF_TIME
    told = AuditEntry.objects.filter(action=Action.SIGN_IN_FAILED, address=address, at__gt=lately)
    if address and told[: settings.AXES_FAILURE_LIMIT + 1].count() > settings.AXES_FAILURE_LIMIT:
        return
    typed = str(credentials.get("username") or credentials.get("email") or "")
    accounts = get_user_model().objects.filter(Q(username=typed) | Q(email__iexact=typed))
    known = accounts.first() if typed else None
    audit.record(Action.SIGN_IN_FAILED, known or Subject(ObjectKind.ACCOUNT), known=known is not None)


def _made(sender: Any, user: User, **extra: Any) -> None:
    audit.record(Action.MADE, user)


def _password(sender: Any, user: User, **extra: Any) -> None:
    audit.record(Action.CHANGED, Subject(ObjectKind.PASSWORD, str(user.pk), user.get_username()))


def _factor(action: Action, user: User, authenticator: Any) -> None:
    # The rows of several kinds are numbered together, and one that was removed has no number left.
    subject = Subject(ObjectKind.SECOND_FACTOR, str(authenticator.pk or ""), user.get_username())
    audit.record(action, subject, type=str(authenticator.type))


def _factor_made(sender: Any, user: User, authenticator: Any, **extra: Any) -> None:
    _factor(Action.MADE, user, authenticator)


def _factor_changed(sender: Any, user: User, authenticator: Any, **extra: Any) -> None:
    _factor(Action.CHANGED, user, authenticator)


def _factor_deleted(sender: Any, user: User, authenticator: Any, **extra: Any) -> None:
    _factor(Action.DELETED, user, authenticator)


def _factor_failed(sender: Any, user: User, authenticator: Any = None, **extra: Any) -> None:
    audit.record(Action.SIGN_IN_FAILED, user, known=True, factor=str(getattr(authenticator, "type", "")))
