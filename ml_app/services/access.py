"""The one place that says who may do what. Pages, media, the desk, the API and the lists ask here.

Whatever a person may not see does not exist for them; what they may see and not change is refused. What was
given to a team is its members' and nobody else's: whoever leaves the team sees it no longer, not even what
they ordered themselves.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import In

from ml_app.audit import who
from ml_app.models import (
    EXAMPLE,
    Batch,
    BatchQuerySet,
    Membership,
    Role,
    Scan,
    ScanQuerySet,
    Team,
    TeamQuerySet,
    Video,
    VideoQuerySet,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

VISITOR_KEY = who.VISITOR_KEY
EVERYTHING = "all"
_ROLES = "_roles_in_teams"  # of an account's object: what was read of its memberships


class Act(StrEnum):
    """What can be done to scans, videos and batches, and to teams."""

    SEE = "see"
    CANCEL = "cancel"  # pause and go on, too
    RERUN = "rerun"
    ADD = "add"  # another file to a batch
    DELETE = "delete"
    REVIEW = "review"
    PURGE = "purge"  # the files, while the findings stay
    ORDER = "order"  # scans for a team
    MANAGE = "manage"  # members and settings of a team
    MAKE = "make"  # a team
    INVITE = "invite"  # people to the site


# What a member needs to do it to whatever is their team's.
_OF_THE_TEAM = {
    Act.SEE: Role.VIEWER,
    Act.RERUN: Role.ANALYST,
    Act.REVIEW: Role.REVIEWER,
    Act.CANCEL: Role.ADMINISTRATOR,
    Act.ADD: Role.ADMINISTRATOR,
    Act.DELETE: Role.ADMINISTRATOR,
    Act.PURGE: Role.ADMINISTRATOR,
}
# The same for what is their team's and their own.
_OWN_IN_TEAM = {Act.CANCEL: Role.ANALYST, Act.ADD: Role.ANALYST, Act.DELETE: Role.ANALYST}
_TO_THE_TEAM = {Act.SEE: Role.VIEWER, Act.ORDER: Role.ANALYST, Act.MANAGE: Role.ADMINISTRATOR}
_OWN = frozenset({Act.SEE, Act.CANCEL, Act.RERUN, Act.ADD, Act.DELETE})
_STAFF = frozenset({Act.SEE, Act.CANCEL, Act.RERUN})  # to everybody's
# What staff may do to everybody's if they were given the permission; at the desk, RERUN is to many at once.
_PERMISSIONS = {
    Act.REVIEW: "ml_app.add_review",
    Act.PURGE: "ml_app.delete_video",
    Act.RERUN: "ml_app.add_scan",
    Act.MANAGE: "ml_app.change_team",
    Act.MAKE: "ml_app.add_team",
    Act.INVITE: "ml_app.add_invitation",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks."""

    owner: str = ""  # "user:<pk>" or "visitor:<token>"; empty for a visitor who never uploaded
    user: User | None = None  # the account, if there is one

    @property
    def is_staff(self) -> bool:
        """Whether everybody's scans may be seen."""
        return self.user is not None and self.user.is_active and self.user.is_staff

    @property
    def roles(self) -> Mapping[int, Role]:
        """The role in each team, by the team's number: read once for each request."""
        if self.user is None or not self.user.is_active:
            return {}
        known: dict[int, Role] | None = getattr(self.user, _ROLES, None)
        if known is None:
            rows = Membership.objects.filter(user_id=self.user.pk).values_list("team_id", "role")
            known = {team: Role(role) for team, role in rows}
            setattr(self.user, _ROLES, known)
        return known

    def has(self, role: Role, team_id: int) -> bool:
        """Whether they have at least this role in a team."""
        found = self.roles.get(team_id)
        return found is not None and found.includes(role)


def actor_of_user(user: User) -> Actor:
    """An account as one who asks."""
    return Actor(owner_of_user(user), user)


def owner_of_user(user: User) -> str:
    """The owner of what an account uploads."""
    return f"user:{user.pk}"


def account_of(owner: str) -> int | None:
    """The number of the account that an owner is; None for visitors and those who left."""
    kind, _, number = owner.partition(":")
    return int(number) if kind == "user" and number.isdecimal() else None


def owner_of_session(session: SessionBase) -> str:
    """The owner that a visitor without an account is; empty if they never uploaded."""
    token = session.get(VISITOR_KEY)
    return f"visitor:{token}" if token else ""


def make_visitor(session: SessionBase) -> str:
    """The same for one who uploads now. Only here does a visitor get a session, and with it a cookie."""
    if not session.get(VISITOR_KEY):
        session[VISITOR_KEY] = secrets.token_urlsafe(24)
    session.modified = True  # each upload renews the cookie that the history hangs on
    return owner_of_session(session)


def _visible(actor: Actor) -> Q | None:
    """What of scans, videos or batches somebody may see; None for nothing."""
    return ~Q(owner=EXAMPLE) if actor.is_staff else _near(actor)


def _near(actor: Actor) -> Q | None:
    """What of it is their own or their teams'."""
    if not actor.owner:
        return None
    return _owned(actor) | Q(team__in=list(actor.roles)) if actor.roles else _owned(actor)


def _own(actor: Actor) -> Q | None:
    """What of it is their own."""
    return _owned(actor) if actor.owner else None


def _owned(actor: Actor) -> Q:
    """Not what they gave to a team that they have left."""
    mine = Q(owner=actor.owner)
    if actor.user is None:  # a visitor has no teams
        return mine
    # So that no database looks for it among the teams' rows: those of the owner are fewer, and in order.
    return mine & Q(In(Coalesce(F("team_id"), Value(0)), [0, *actor.roles]))


def visible_scans(actor: Actor) -> ScanQuerySet:
    """The scans that somebody may see, with their videos and teams."""
    found = _visible(actor)
    scans = Scan.objects.none() if found is None else Scan.objects.filter(found)
    return scans.select_related("video", "team")


def visible_scan(actor: Actor, scan_id: UUID) -> Scan | None:
    """A scan by its number, if somebody may see it. The example is in no list, and open to everybody."""
    found = visible_scans(actor).filter(pk=scan_id).first()
    return found or Scan.objects.filter(owner=EXAMPLE, pk=scan_id).select_related("video", "team").first()


def visible_videos(actor: Actor) -> VideoQuerySet:
    """The videos that somebody may see, with their teams."""
    found = _visible(actor)
    return Video.objects.none() if found is None else Video.objects.filter(found).select_related("team")


def visible_batches(actor: Actor) -> BatchQuerySet:
    """The batches that somebody may see, with their teams."""
    found = _visible(actor)
    return Batch.objects.none() if found is None else Batch.objects.filter(found).select_related("team")


def listed_batches(actor: Actor) -> BatchQuerySet:
    """One's own batches and those of one's teams; staff ask for each other one by its number."""
    found = _near(actor)
    return Batch.objects.none() if found is None else Batch.objects.filter(found).select_related("team")


def visible_teams(actor: Actor) -> TeamQuerySet:
    """The teams that somebody may see, by name."""
    return Team.objects.all() if actor.is_staff else joined_teams(actor)


def joined_teams(actor: Actor) -> TeamQuerySet:
    """The teams that somebody belongs to, by name."""
    return Team.objects.filter(pk__in=list(actor.roles)) if actor.roles else Team.objects.none()


def own_scans(actor: Actor) -> ScanQuerySet:
    """One's own scans, alone or in one's teams, with their videos and teams."""
    found = _own(actor)
    scans = Scan.objects.none() if found is None else Scan.objects.filter(found)
    return scans.select_related("video", "team")


def own_videos(actor: Actor) -> VideoQuerySet:
    """The same for videos."""
    found = _own(actor)
    return Video.objects.none() if found is None else Video.objects.filter(found)


def own_batches(actor: Actor) -> BatchQuerySet:
    """The same for batches."""
    found = _own(actor)
    return Batch.objects.none() if found is None else Batch.objects.filter(found).select_related("team")


def scans_of_team(actor: Actor, team_id: int) -> ScanQuerySet:
    """The scans of one team, if somebody may see it; none otherwise."""
    is_seen = actor.is_staff or team_id in actor.roles
    scans = Scan.objects.filter(team=team_id) if is_seen else Scan.objects.none()
    return scans.select_related("video", "team")


def listed_scans(actor: Actor, whose: str) -> ScanQuerySet:
    """The scans of a list.

    Args:
        whose: Empty for one's own, `EVERYTHING` for all that one sees, or the number of a team.
    """
    if whose == EVERYTHING:
        return visible_scans(actor)
    return scans_of_team(actor, int(whose)) if whose else own_scans(actor)


def batches_of_team(actor: Actor, team_id: int) -> BatchQuerySet:
    """The same for batches."""
    is_seen = actor.is_staff or team_id in actor.roles
    found = Batch.objects.filter(team=team_id) if is_seen else Batch.objects.none()
    return found.select_related("team")


def reviewed_teams(actor: Actor) -> list[int]:
    """The numbers of the teams whose scans somebody may decide on by their role there."""
    return [team for team in actor.roles if actor.has(_OF_THE_TEAM[Act.REVIEW], team)]


def reviewing_roles() -> list[Role]:
    """The roles in a team whose members decide on its scans."""
    return [role for role in Role if role.includes(_OF_THE_TEAM[Act.REVIEW])]


def teams_to_order_for(actor: Actor) -> TeamQuerySet:
    """The teams that somebody may give scans to, by name, each with the number of its members."""
    teams = [team for team in actor.roles if actor.has(_TO_THE_TEAM[Act.ORDER], team)]
    return Team.objects.filter(pk__in=teams).with_members() if teams else Team.objects.none()


def owner_of_rerun(actor: Actor, video: Video) -> str:
    """Whose another scan of a video is: a teammate's who orders it, otherwise that of the video's owner."""
    return actor.owner if video.team_id in actor.roles else video.owner


def may(actor: Actor, act: Act, subject: Scan | Video | Batch | Team | None) -> bool:
    """Whether somebody may do this to a scan, to a video with all its scans, to a batch or to a team.

    Args:
        subject: None for everybody's, and for what belongs to nobody: a new team, an invitation to the site.
    """
    if subject is None:
        return _may_at_all(actor, act)
    if isinstance(subject, Team):
        return _may_to_team(actor, act, subject)
    if subject.owner == EXAMPLE:
        return act is Act.SEE
    if actor.is_staff and (act in _STAFF or (act in (Act.REVIEW, Act.PURGE) and _is_permitted(actor, act))):
        return True
    is_own = bool(actor.owner) and subject.owner == actor.owner
    if subject.team_id is None:
        return is_own and act in _OWN
    return _is_enough(actor, act, subject.team_id, _OF_THE_TEAM) or (
        is_own and _is_enough(actor, act, subject.team_id, _OWN_IN_TEAM)
    )


def _may_at_all(actor: Actor, act: Act) -> bool:
    if act is Act.MAKE and settings.TEAMS_OPEN and actor.user is not None:
        return actor.user.is_active
    return actor.is_staff and _is_permitted(actor, act)


def _may_to_team(actor: Actor, act: Act, team: Team) -> bool:
    if actor.is_staff and (act is Act.SEE or (act is Act.MANAGE and _is_permitted(actor, act))):
        return True
    return _is_enough(actor, act, team.pk, _TO_THE_TEAM)


def _is_enough(actor: Actor, act: Act, team_id: int, needed: Mapping[Act, Role]) -> bool:
    return act in needed and actor.has(needed[act], team_id)


def _is_permitted(actor: Actor, act: Act) -> bool:
    return actor.user is not None and act in _PERMISSIONS and actor.user.has_perm(_PERMISSIONS[act])
