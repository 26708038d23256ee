"""Notices by e-mail: gathered, sent by a worker, tried again while the mail server refuses, and never twice.

The rows are the truth, as with webhooks: the sweeper gathers notices into e-mails and gives those that are
due to the workers; a worker claims an e-mail, leaves out what its receiver may no longer see, notes that it
hands it over, and does. An e-mail of which nobody knows whether the mail server took it is not sent again.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import Min
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ml_app.models import Notice, NoticeMail, NoticeSettings
from ml_app.services import access
from ml_app.services.notifications import attempts, notices

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)
SEND = "ml_app.jobs.deliveries.send_notices"  # by name: tasks call services, not the other way round
PAUSES = (60, 300, 1800, 2 * 3600, 6 * 3600, 12 * 3600)  # seconds between attempts; then it is given up
LEASE = timedelta(minutes=5)  # an attempt takes less
KEPT = timedelta(days=30)
AT_ONCE = 200  # e-mails in one round of the sweeper
MOST_TOLD = 50  # notices in one e-mail; of the others it has the number
_SALT = "ml_app.notices.unsubscribe"
Mail = NoticeSettings.Mail


def gather() -> int:
    """Make an e-mail of what waits for each account whose time has come. Returns how many were made."""
    waiting = Notice.objects.filter(is_to_mail=True).order_by().values("user").annotate(first=Min("made_at"))
    rows = list(waiting[:AT_ONCE])
    chosen = NoticeSettings.objects.in_bulk([row["user"] for row in rows])
    made = 0
    for row in rows:
        how = chosen[row["user"]].mail if row["user"] in chosen else NoticeSettings().mail
        if how == Mail.OFF:
            Notice.objects.filter(user=row["user"], is_to_mail=True).update(is_to_mail=False)
        elif how == Mail.AT_ONCE or row["first"] <= _last_digest():
            made += _gather(row["user"])
    return made


def _last_digest() -> datetime:
    now = timezone.localtime()
    today = now.replace(hour=settings.NOTICE_DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def _gather(user_id: int) -> bool:
    with transaction.atomic():
        mail = NoticeMail.objects.create(user_id=user_id, next_at=timezone.now())
        waiting = Notice.objects.filter(user=user_id, is_to_mail=True)
        if not waiting.update(is_to_mail=False, mail=mail):  # another sweeper was faster
            mail.delete()
            return False
    return True


def send_due() -> int:
    """Give the e-mails that are due to the workers. Returns how many."""
    return attempts.send_due(NoticeMail.objects.all(), task=SEND, at_most=AT_ONCE, called="E-mails")


def send(mail_id: str) -> bool:
    """One attempt, if the e-mail is due. True if the mail server took it."""
    if not NoticeMail.objects.claim(mail_id, lease=LEASE):
        return False
    mail = NoticeMail.objects.select_related("user").get(pk=mail_id)
    if mail.handed_at is not None:  # whoever handed it over died before it could say whether it was taken
        NoticeMail.objects.end(mail.pk, mail.attempts, next_at=None, error="unknown whether it was sent")
        return False
    message = _message(mail)
    if message is None:
        NoticeMail.objects.end(mail.pk, mail.attempts, next_at=None, error="nothing to tell any more")
        return False
    return _hand_over(mail, message)


def _hand_over(mail: NoticeMail, message: EmailMessage) -> bool:
    attempt = (mail.pk, mail.attempts)
    is_handed = False
    try:
        connection = get_connection()
        connection.open()
        try:
            if not NoticeMail.objects.end(*attempt, handed_at=timezone.now()):
                return False
            is_handed = True
            connection.send_messages([message])
        finally:
            connection.close()
    except (OSError, SMTPException) as error:
        is_refused = isinstance(error, SMTPResponseException | SMTPRecipientsRefused)
        said = f"{type(error).__name__}: {error}"[:200]
        again = attempts.after_pause(mail.attempts, PAUSES) if is_refused or not is_handed else None
        NoticeMail.objects.end(*attempt, next_at=again, handed_at=None, error=said)
        logger.warning("E-mail %s, attempt %d: %s", mail.pk, mail.attempts, said)
        return False
    NoticeMail.objects.end(*attempt, next_at=None, sent_at=timezone.now(), error="")
    return True


def _message(mail: NoticeMail) -> EmailMessage | None:
    """What is still to be told, in the account's language; None if nothing is, or nobody to tell it to."""
    user, how = mail.user, notices.settings_of(mail.user)
    to = _address(user)
    found = notices.visible(access.actor_of_user(user)).filter(mail=mail)
    found = found.filter(read_at=None) if how.on_site else found  # what was read here is known
    rows = list(found.select_related("scan__video"))
    if how.mail == Mail.OFF or not to or not rows:
        return None
    stop = f"{settings.SITE_URL}{reverse('ml_app:stop_mail', args=[token_of(user)])}"
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    headers = {
        "Message-ID": f"<{mail.pk}@{host}>",
        "Auto-Submitted": "auto-generated",
        "List-Unsubscribe": f"<{stop}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    with translation.override(how.language or settings.LANGUAGE_CODE):
        subject = ngettext("%(number)d notice", "%(number)d notices", len(rows)) % {"number": len(rows)}
        said = {"about": _("Deepfake detector"), "what": _line(rows[0]) if len(rows) == 1 else subject}
        subject = _("%(about)s: %(what)s") % said
        return EmailMessage(subject[:200], _body(rows, stop), None, [to], headers=headers)


def _body(rows: list[Notice], stop: str) -> str:
    parts = [
        f"{_line(row)}\n{settings.SITE_URL}{reverse('ml_app:scan', args=[row.scan_id])}"
        for row in rows[:MOST_TOLD]
    ]
    if len(rows) > MOST_TOLD:
        parts.append(_("And %(number)d more.") % {"number": len(rows) - MOST_TOLD})
    settings_page = f"{settings.SITE_URL}{reverse('ml_app:notice_settings')}"
    parts.append(_("What you are told, and how: %(link)s") % {"link": settings_page})
    parts.append(_("No more e-mails: %(link)s") % {"link": stop})
    return "\n\n".join(parts) + "\n"


def _line(row: Notice) -> str:
    name = " ".join(str(row.scan.video).split())  # a file's name may have lines
    return _("%(about)s: %(what)s") % {"about": row.get_event_display(), "what": name}


def _address(user: User) -> str:
    """Where to write to; empty if that is unknown, or known to be unconfirmed."""
    known = EmailAddress.objects.filter(user=user, email__iexact=user.email).first()
    return "" if known is not None and not known.verified else user.email


def token_of(user: User) -> str:
    """What a link has in it that turns the e-mails of an account off, and can do nothing else."""
    return Signer(salt=_SALT).sign(str(user.pk))


def user_number(token: str) -> int | None:
    """The account that a link was made for; None if it was not made here."""
    try:
        return int(Signer(salt=_SALT).unsign(token))
    except (BadSignature, ValueError):
        return None


def forget_old() -> int:
    """Delete what ended long ago from the log of e-mails. Returns how many."""
    return NoticeMail.objects.older_than(timezone.now() - KEPT).delete()[0]
