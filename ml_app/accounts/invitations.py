"""Invitations: make one, send it, and know whoever comes with it."""

from __future__ import annotations

import logging
import re
import secrets
from datetime import timedelta
from smtplib import SMTPException
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from ml_app import audit
from ml_app.audit import Action, ObjectKind, Subject
from ml_app.models import Invitation, NoticeSettings, Team
from ml_app.services.tokens import digest
from ml_app.teams import members

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)
SESSION_KEY = "invitation"  # of a session: the number of the invitation that its browser came with
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")


def invite(
    *, email: str, by: User | None, team: Team | None = None, role: str = ""
) -> tuple[Invitation, str]:
    """Invite somebody to the site, and into a team if one is given.

    Returns:
        The row, and the secret of its link that nobody will see again.
    """
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        row = Invitation.objects.create(
            email=email,
            digest=digest(secret),
            invited_by=by,
            team=team,
            role=role,
            expires_at=timezone.now() + timedelta(days=settings.INVITATION_DAYS),
        )
        audit.record(Action.MADE, row)
    return row, secret


def withdraw(*, invitation_id: int) -> bool:
    """Nobody comes in by it from now on. False: it could not be used any more, or there is none."""
    with transaction.atomic():
        if not Invitation.objects.withdraw(invitation_id):
            return False
        audit.record(Action.WITHDRAWN, Subject(ObjectKind.INVITATION, str(invitation_id)))
    return True


def send(*, invitation: Invitation, link: str) -> bool:
    """Send the link of an invitation. False: the mail server did not take it, and the log says why."""
    with translation.override(_language_of(invitation.email)):
        subject, body = _letter(invitation, link)
    try:
        send_mail(subject, body, None, [invitation.email])
    except (OSError, SMTPException) as error:
        logger.warning("The invitation was not sent: %s: %s", type(error).__name__, error)
        return False
    return True


def _language_of(email: str) -> str | None:
    """What an account with this address chose for its e-mails; else that of whoever invites."""
    chosen = NoticeSettings.objects.filter(user__email__iexact=email).exclude(language="").first()
    return chosen.language if chosen else translation.get_language()


def _letter(invitation: Invitation, link: str) -> tuple[str, str]:
    """Subject and text, in the language that is active."""
    until = date_format(timezone.localtime(invitation.expires_at), "DATE_FORMAT")
    alone = _(
        "You are invited to have an account at this deepfake detector. Make it here:\n\n%(link)s\n\n"
        "The link is for you alone, for %(email)s, and works once, until %(until)s.\n"
    )
    into_team = _(
        "You are invited into the team “%(team)s” of this deepfake detector. Open this link, signed in if "
        "you have an account:\n\n%(link)s\n\nIt is for you alone, for %(email)s, and works once, until "
        "%(until)s.\n"
    )
    said = {"link": link, "email": invitation.email, "until": until, "team": invitation.team}
    body = (into_team if invitation.team else alone) % said
    return _("Your invitation to the deepfake detector"), body


def find(secret: str) -> Invitation | None:
    """The invitation of this link, if it can still be used."""
    if _SHAPE.fullmatch(secret) is None:
        return None
    return Invitation.objects.usable().select_related("team").filter(digest=digest(secret)).first()


def accept_into_team(*, invitation: Invitation, user: User) -> bool:
    """An account that there is joins the team of an invitation. False: somebody else was faster with it."""
    if invitation.team is None:
        return False
    with transaction.atomic():
        if not Invitation.objects.accept(invitation.pk, user):
            return False
        members.join(team=invitation.team, user=user, role=invitation.role)
    return True


def invitation_of(request: HttpRequest) -> Invitation | None:
    """The invitation that a browser came with, if it can still be used."""
    number = request.session.get(SESSION_KEY)
    return Invitation.objects.usable().filter(pk=number).first() if number else None
