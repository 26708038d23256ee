"""Taking a video in and ordering its scan: streamed, limited and refused as on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.middleware.csrf import get_token
from django.utils.translation import gettext as _
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from ml_app import services
from ml_app.api.authentication import actor_of, uploader_of
from ml_app.api.base import json_object
from ml_app.api.idempotency import key_of, was_answered
from ml_app.api.problems import Refused
from ml_app.errors import refuse
from ml_app.models import Scan, Team
from ml_app.services import access
from ml_app.services.access import Act, Actor
from ml_app.services.intake.links import order_link
from ml_app.services.scanning.pace import refuse_if_too_many
from ml_app.storage.uploads import IncomingFile, spool, uploaded_files
from ml_app.teams.defaults import detector_for, frame_count_for


@dataclass(frozen=True, slots=True)
class Wishes:
    """What may be chosen for a scan."""

    frame_count: int
    detector: str
    team: Team | None = None  # to whom it is given
    others: tuple[str, ...] = ()  # detectors that are asked as well

    @property
    def content(self) -> dict[str, Any]:
        """What makes a request the same when it is sent again."""
        said: dict[str, Any] = {"frame_count": self.frame_count, "detector": self.detector}
        said |= {"also": list(self.others)} if self.others else {}
        return said | ({"team": self.team.pk} if self.team else {})


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has come in, and what is wanted of it."""

    file: IncomingFile
    wishes: Wishes
    actor: Actor

    @property
    def content(self) -> dict[str, Any]:
        """What makes it the same request when it is sent again."""
        return {"file": [self.file.name, self.file.sha256], **self.wishes.content}


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a video, and what is wanted of it."""

    url: str
    wishes: Wishes
    actor: Actor

    @property
    def content(self) -> dict[str, Any]:
        """What makes it the same request when it is sent again."""
        return {"url": self.url, **self.wishes.content}


def read_order(request: Request, *fields: str) -> Upload | Link:
    """Read a request with a file or with a link, as `read_upload` does."""
    if _kind(request) != "application/json":
        return read_upload(request, *fields)
    _refuse_early(request)
    data = json_object(request)
    if "url" not in data:
        raise refuse("no_file")
    wishes = read_wishes(data, actor=actor_of(request))
    url = data["url"] if isinstance(data["url"], str) else ""
    return Link(url, wishes, _uploader(request))


def read_upload(request: Request, *fields: str) -> Upload:
    """Read a request with a file, unless it can be refused before that.

    Args:
        fields: Names under which the file may come.

    Raises:
        ServiceError: With a code of the pages, or of `Wishes`; nothing is kept then.
        UnsupportedMediaType: Not a form.
    """
    _refuse_early(request)
    wishes, file = sent_file(request, *fields)
    return Upload(file, wishes, _uploader(request))


def sent_file(request: Request, *fields: str) -> tuple[Wishes, IncomingFile]:
    """The file of a form, and what is wanted of it.

    Raises:
        ServiceError: As `read_upload` does.
        UnsupportedMediaType: Not a form.
    """
    kind = _kind(request)
    if kind in ("", "application/json"):
        raise refuse("no_file")
    if kind != "multipart/form-data":
        raise UnsupportedMediaType(kind)
    # The first look at the form: all of it is read here.
    wishes = read_wishes(request._request.POST, actor=actor_of(request))
    return wishes, _file(request, fields)


def _kind(request: Request) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


def _refuse_early(request: Request) -> None:
    """Before anything of the body is read."""
    key_of(request)
    if not was_answered(request):  # an old answer costs nothing, so it is given at the busiest of times
        owner = actor_of(request).owner
        services.refuse_if_full(queue=services.queue_for(owner=owner))
        refuse_if_too_many(owner=owner)


def _uploader(request: Request) -> Actor:
    actor = uploader_of(request)
    if actor.user is None:
        get_token(request._request)  # a visitor needs the token's cookie to cancel or delete what they upload
    return actor


def order(upload: Upload | Link) -> Scan:
    """Keep the video, or the link, and order its scan.

    Raises:
        ServiceError: It cannot be analysed.
    """
    if isinstance(upload, Link):
        return order_link(
            url=upload.url,
            owner=upload.actor.owner,
            user=upload.actor.user,
            frame_count=upload.wishes.frame_count,
            detector_name=upload.wishes.detector,
            others=upload.wishes.others,
            team=upload.wishes.team,
        )
    wishes = upload.wishes
    video, _new = services.receive_video(
        upload=upload.file, owner=upload.actor.owner, user=upload.actor.user, team=wishes.team
    )
    scan, _new = services.request_scan(
        video=video,
        frame_count=wishes.frame_count,
        detector_name=wishes.detector,
        others=wishes.others,
    )
    return scan


def read_wishes(data: Mapping[str, Any], *, actor: Actor, default: Wishes | None = None) -> Wishes:
    """The frame count, the detectors and the team that were asked for; the rest as team or site have it.

    Raises:
        ServiceError: "bad_frame_count", "bad_team", "bad_detector", "detector_unavailable" or
        "cut_differently".
    """
    team = _team(actor, data.get("team"))
    usual = default or Wishes(frame_count_for(team), detector_for(team))
    count, detector = data.get("frame_count"), data.get("detector")
    wishes = Wishes(
        usual.frame_count if count in (None, "") else _whole(count),
        usual.detector if detector in (None, "") else str(detector),
        team,
        usual.others if data.get("also") is None else _names(data),
    )
    if wishes.frame_count not in settings.FRAME_COUNTS:
        raise refuse("bad_frame_count")
    if wishes.detector != settings.DETECTOR and wishes.detector not in services.installed_detectors():
        raise refuse("bad_detector")
    if not services.detector_state(name=wishes.detector).available:
        raise refuse("detector_unavailable")
    services.asked_as_well(name=wishes.detector, others=wishes.others)
    return wishes


def _names(data: Mapping[str, Any]) -> tuple[str, ...]:
    """A list, or a text with commas; of a form, the field may come several times."""
    value = data.getlist("also") if isinstance(data, QueryDict) else data["also"]
    parts = value if isinstance(value, list) else [value]
    return tuple(name.strip() for part in parts for name in str(part).split(",") if name.strip())


def _team(actor: Actor, value: Any) -> Team | None:
    if value in (None, ""):
        return None
    team = access.visible_teams(actor).filter(pk=_whole(value)).first()
    if team is None or not access.may(actor, Act.ORDER, team):
        raise refuse("bad_team")
    return team


def _whole(value: Any) -> int:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _file(request: Request, fields: tuple[str, ...]) -> IncomingFile:
    plain = request._request
    field = next((name for name in fields if name in plain.FILES), fields[0])
    files: list[UploadedFile] = uploaded_files(plain, field)
    if len(files) > 1 or len(plain.FILES) > 1:
        raise Refused("one_file", _("Send one file with each request."))
    return spool(files[0])
