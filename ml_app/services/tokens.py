"""Tokens for programs: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from ml_app import audit
from ml_app.audit import Action
from ml_app.models import ApiToken

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MARK = "dfd"  # tells people and secret scanners what it is
NOTED_EVERY = timedelta(minutes=1)
_SHAPE = re.compile(rf"({MARK}_[0-9a-f]{{8}})_[A-Za-z0-9_-]{{43}}")


def create_token(
    *, user: User, scope: str = ApiToken.Scope.READ, name: str = "", expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a token. Returns its row, and the text that nobody will see again."""
    prefix = f"{MARK}_{secrets.token_hex(4)}"
    text = f"{prefix}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        row = ApiToken.objects.create(
            user=user, scope=scope, name=name[:100], prefix=prefix, digest=digest(text), expires_at=expires_at
        )
        audit.record(Action.MADE, row, account=user.get_username(), scope=scope)
    return row, text


def find_token(text: str) -> ApiToken | None:
    """The token of this text with its account, if it opens anything now; notes that it was used."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    row = ApiToken.objects.usable().select_related("user").filter(prefix=match[1]).first()
    if row is None or not secrets.compare_digest(row.digest, digest(text)):
        return None
    if row.last_used_at is None or timezone.now() - row.last_used_at > NOTED_EVERY:
        ApiToken.objects.used(row.pk, after=NOTED_EVERY)
    return row


def revoke_token(*, token: ApiToken) -> None:
    """It opens nothing from now on; its row stays, to tell what it was."""
    with transaction.atomic():
        if ApiToken.objects.revoke(token.pk):
            audit.record(Action.REVOKED, token, account=token.user.get_username())
    token.refresh_from_db()


def digest(text: str) -> str:
    """What is kept of a secret that we made: its SHA-256, as hexadecimal digits."""
    # 256 bits of chance need no slow hash: there is no list of likely ones to try.
    return hashlib.sha256(text.encode()).hexdigest()
