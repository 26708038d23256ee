"""One's own data: all of it in a zip file, or gone."""

from __future__ import annotations

import json
import logging
import secrets
import tempfile
import zipfile
from contextlib import suppress
from pathlib import PurePosixPath
from typing import IO, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F, Model

from ml_app import audit, services
from ml_app.audit import Action, ObjectKind, Subject
from ml_app.batches import acting, results
from ml_app.errors import refuse
from ml_app.models import (
    ApiToken,
    AuditEntry,
    Batch,
    FaceFrame,
    Invitation,
    KeptAnswer,
    Membership,
    Notice,
    NoticeSettings,
    Review,
    SavedFilter,
    Video,
    Watch,
    Webhook,
)
from ml_app.services import access
from ml_app.services.scanning.origins import origin_json
from ml_app.services.scanning.recorded import findings_json
from ml_app.storage import media_files
from ml_app.storage.uploads import disk_is_full, incoming_dir
from ml_app.teams import leaving

logger = logging.getLogger(__name__)
AT_ONCE = 200  # rows that are read from the database together
GONE = "deleted-"  # begins the name of an account of which only its decisions are left
# What is told of an account's rows: all but secrets and what only the site needs
_ACCOUNT = ("username", "email", "first_name", "last_name", "date_joined", "last_login", "is_staff")
_ADDRESS = ("email", "verified", "primary")
_FACTOR = ("type", "created_at", "last_used_at")
_SIGN_ON = ("provider", "uid", "date_joined", "last_login")
_SESSION = ("ip", "user_agent", "created_at", "last_seen_at")
_TOKEN = ("prefix", "name", "scope", "created_at", "last_used_at", "expires_at", "revoked_at")
_AUDIT = ("number", "at", "action", "object_kind", "object_id", "object_label", "address", "details")
_INVITATION = ("email", "created_at", "expires_at", "accepted_at", "withdrawn_at")


def export(*, user: User) -> IO[bytes]:
    """All that the site keeps of an account, as a zip file: open at its beginning, gone when it is closed.

    `account.json` has the account, its tokens (without their secrets), webhooks, reviews and batches. Each
    video and each scan has a JSON file, with the findings as the command line writes them, and its media
    beside it. A file that has gone meanwhile is left out.

    Raises:
        ServiceError: "disk_full".
    """
    # Beside the media, where there is room for such files; without a name, so that no kill leaves it behind.
    file: IO[bytes] = tempfile.TemporaryFile(dir=incoming_dir())  # noqa: SIM115 - the caller closes it
    try:
        _write(file, user)
        file.flush()
    except BaseException as error:
        with suppress(OSError):  # on a full disk, what is still buffered cannot be written
            file.close()
        if disk_is_full(error):
            raise refuse("disk_full") from error
        raise
    file.seek(0)
    audit.record(Action.EXPORTED, Subject(ObjectKind.DATA, str(user.pk), user.get_username()))
    return file


def _write(file: IO[bytes], user: User) -> None:
    actor = access.actor_of_user(user)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        archive.writestr("account.json", _json(_about(user)))
        for video in access.own_videos(actor).iterator(chunk_size=AT_ONCE):
            told = {**_row(video, "file", "uploaded_by"), "origin": origin_json(video)}
            archive.writestr(f"videos/{video.pk}.json", _json(told))
            if video.file.name:
                suffix = PurePosixPath(video.file.name).suffix
                _add(archive, video.file.name, f"videos/{video.pk}{suffix}")
        for scan in access.own_scans(actor).iterator(chunk_size=AT_ONCE):
            told = {**_row(scan, "worker", "lease_expires_at"), "findings": findings_json(scan)}
            told["reviews"] = [_row(review, "reviewer") for review in scan.reviews.all()]
            archive.writestr(f"scans/{scan.pk}.json", _json(told))
            for names in FaceFrame.objects.filter(face__scan=scan).values_list("thumbnail", "heatmap"):
                for name in filter(None, names):
                    _add(archive, name, name)


def _add(archive: zipfile.ZipFile, name: str, called: str) -> None:
    with suppress(FileNotFoundError), media_files.local_copy(name) as path:
        archive.write(path, called, zipfile.ZIP_STORED)  # as it is: videos and pictures do not get smaller


def _about(user: User) -> dict[str, Any]:
    batches = access.own_batches(access.actor_of_user(user))
    memberships = Membership.objects.filter(user=user)
    reviews = Review.objects.filter(reviewer=user)
    return {
        "account": {name: getattr(user, name) for name in _ACCOUNT},
        "addresses": list(EmailAddress.objects.filter(user=user).values(*_ADDRESS)),
        "second_factors": list(Authenticator.objects.filter(user=user).values(*_FACTOR)),
        "single_sign_on": list(SocialAccount.objects.filter(user=user).values(*_SIGN_ON)),
        "sessions": list(UserSession.objects.filter(user=user).values(*_SESSION)),
        "tokens": list(ApiToken.objects.filter(user=user).values(*_TOKEN)),
        "webhooks": list(Webhook.objects.filter(user=user).values("id", "url", "created_at")),
        "invitations": list(Invitation.objects.filter(invited_by=user).values(*_INVITATION)),
        "teams": list(memberships.values("role", "joined_at", name=F("team__name"))),
        "reviews": list(reviews.values("scan", "decision", "note", "at_s", "person", "created_at")),
        "watches": list(Watch.objects.filter(user=user).values("scan", "team__name", "person", "created_at")),
        "notice_settings": list(NoticeSettings.objects.filter(user=user).values("mail", "on_site")),
        "notices": list(Notice.objects.filter(user=user).values("event", "scan", "made_at", "read_at")),
        "saved_filters": list(SavedFilter.objects.filter(user=user).values("name", "query")),
        "audit": list(AuditEntry.objects.of_account(user.pk).values(*_AUDIT)),
        "batches": [
            {**_row(batch, "ordered_by", "fed_until"), "files": list(map(results.row, results.items(batch)))}
            for batch in batches
        ],
    }


def _row(row: Model, *without: str) -> dict[str, Any]:
    fields = (field for field in row._meta.concrete_fields if field.name not in without)
    return {field.name: field.value_from_object(row) for field in fields}


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)


def delete(*, user: User) -> bool:
    """Delete an account with its videos, scans, findings, media, batches, tokens, webhooks and sessions.

    What it gave to a team stays the team's. What it decided about others' scans is others' data too, and
    stays, under a name that tells of nobody.

    Returns:
        Whether nothing is left of it. False: decisions about others' scans are, or scans of a team.

    Raises:
        ServiceError: "last_administrator" or "last_team_administrator".
    """
    actor = access.actor_of_user(user)
    owner = actor.owner
    subject = audit.subject_of(user)
    with audit.gathered():
        _refuse_the_last(user)
        stays = leaving.leave_behind(actor)
        for batch in Batch.objects.filter(owner=owner):
            acting.delete(batch=batch)
        for video in Video.objects.filter(owner=owner):
            services.delete_video(video=video)
        KeptAnswer.objects.filter(owner=owner).delete()
        Invitation.objects.filter(accepted_by=user).delete()  # it has the address
        AccessAttempt.objects.filter(username__in=_names(user)).delete()
        for session in UserSession.objects.filter(user=user):
            session.end()
        is_whole = not _leave_decisions(user)
        audit.record(Action.DELETED, subject, decisions_stay=not is_whole, scans_stay=bool(stays))
        is_whole = is_whole and not stays
        user.delete()
    logger.info("The account %s was deleted, with all that was its own", owner)
    return is_whole


def _refuse_the_last(user: User) -> None:
    if leaving.teams_without_administrator(access.actor_of_user(user)):
        raise refuse("last_team_administrator")
    if not user.is_superuser:
        return
    # All are locked, in one order: of the last two who leave at once, the second waits and then stays.
    active = User.objects.select_for_update().filter(is_superuser=True, is_active=True).order_by("pk")
    if not {each.pk for each in active} - {user.pk}:
        raise refuse("last_administrator")


def _names(user: User) -> list[str]:
    """What somebody types to sign in."""
    addresses = EmailAddress.objects.filter(user=user).values_list("email", flat=True)
    return [name for name in (user.get_username(), user.email, *addresses) if name]


def _leave_decisions(user: User) -> bool:
    """Give an account's decisions about others' scans to one without a name. False: there are none."""
    reviews = Review.objects.filter(reviewer=user)
    if not reviews.exists():
        return False
    nobody = User(username=f"{GONE}{secrets.token_hex(6)}", is_active=False)
    nobody.set_unusable_password()
    nobody.save()
    reviews.update(reviewer=nobody)
    return True
