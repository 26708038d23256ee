"""Teams: people who see the same scans, each with a role that says what else they may do."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Role(models.TextChoices):
    """What a member may do. Each role may also do whatever those before it may."""

    VIEWER = "viewer", _("Viewer")
    ANALYST = "analyst", _("Analyst")
    REVIEWER = "reviewer", _("Reviewer")
    ADMINISTRATOR = "administrator", _("Administrator")

    def includes(self, other: Role) -> bool:
        """Whether whoever has this role may do what that one may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class TeamQuerySet(models.QuerySet["Team"]):
    """Teams."""

    def with_members(self) -> TeamQuerySet:
        """Those that know how many `members` they have."""
        found: Any = self.annotate(members=models.Count("memberships"))
        return found  # type: ignore[no-any-return]


class Team(models.Model):
    """People who see each other's scans, as far as those are given to the team."""

    name = models.CharField(_("name"), max_length=100)
    created_at = models.DateTimeField(pgettext_lazy("date", "made"), default=timezone.now, editable=False)
    media_retention_days = models.FloatField(
        _("days until videos are deleted"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0)],
        help_text=_("Empty: as the site. 0: never."),
    )
    findings_retention_days = models.FloatField(
        _("days until findings are deleted, too"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0)],
        help_text=_("Empty: as the site. 0: never. What was reviewed stays."),
    )
    default_detector = models.CharField(_("detector"), max_length=64, blank=True)
    default_frame_count = models.PositiveSmallIntegerField(_("frames to read"), null=True, blank=True)

    objects: ClassVar[TeamQuerySet] = TeamQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """Somebody belongs to a team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships", verbose_name=_("team"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("account")
    )
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)
    joined_at = models.DateTimeField(_("member since"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        ordering = ["joined_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display()}"
