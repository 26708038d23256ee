"""The tokens that programs show to the API."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Tokens."""

    def usable(self) -> ApiTokenQuerySet:
        """Those that open something now: neither revoked nor expired, of an account that may log in."""
        fresh = Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
        return self.filter(fresh, revoked_at__isnull=True, user__is_active=True)

    def used(self, pk: int, *, after: timedelta) -> bool:
        """Note the use of a token, unless one was noted a moment ago: not every request is a write."""
        now = timezone.now()
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - after)
        return self.filter(stale, pk=pk).update(last_used_at=now) == 1

    def revoke(self, pk: int) -> bool:
        """False: it was revoked before."""
        return self.filter(pk=pk, revoked_at__isnull=True).update(revoked_at=timezone.now()) == 1


class ApiToken(models.Model):
    """What a program shows instead of a password. Only a hash of it is kept, so it cannot be shown again."""

    class Scope(models.TextChoices):
        READ = "read", _("read")
        WRITE = "write", _("read and write")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens", verbose_name=_("account")
    )
    name = models.CharField(_("name"), max_length=100, blank=True)
    prefix = models.CharField(_("prefix"), max_length=16, unique=True)
    digest = models.CharField("SHA-256", max_length=64, unique=True)
    scope = models.CharField(_("scope"), max_length=8, choices=Scope.choices)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    objects: ClassVar[ApiTokenQuerySet] = ApiTokenQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.prefix}… {self.name}".rstrip()

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()
