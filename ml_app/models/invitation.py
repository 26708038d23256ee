"""Invitations: for whom an account may be made."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ml_app.models.team import Role, Team

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations."""

    def usable(self) -> InvitationQuerySet:
        """Those by which somebody may still come in."""
        return self.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=timezone.now())

    def accept(self, pk: int, user: User) -> bool:
        """Somebody came in by it. False: it cannot be used any more."""
        return self.usable().filter(pk=pk).update(accepted_at=timezone.now(), accepted_by=user) == 1

    def withdraw(self, pk: int) -> bool:
        """Nobody comes in by it from now on. False: it could not be used any more."""
        return self.usable().filter(pk=pk).update(withdrawn_at=timezone.now()) == 1


class Invitation(models.Model):
    """Somebody may make an account with this address, or join a team. The link is kept as a hash."""

    email = models.EmailField(_("e-mail address"))
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="invitations_made",
        verbose_name=_("invited by"),
    )
    team = models.ForeignKey(
        Team, models.CASCADE, null=True, blank=True, related_name="invitations", verbose_name=_("team")
    )
    role = models.CharField(_("role"), max_length=16, choices=Role.choices, blank=True)  # in that team
    created_at = models.DateTimeField(pgettext_lazy("date", "made"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, editable=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)

    objects: ClassVar[InvitationQuerySet] = InvitationQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.email

    @property
    def is_usable(self) -> bool:
        """Whether somebody may still come in by it."""
        return not self.accepted_at and not self.withdrawn_at and self.expires_at > timezone.now()
