"""What operators do to accounts in the admin goes into the audit log, in the admin's own transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from ml_app import audit
from ml_app.audit import Action, ObjectKind, Subject, subject_of

if TYPE_CHECKING:
    AuditedBase = admin.ModelAdmin[Any]
else:
    AuditedBase = object


class Audited(AuditedBase):
    """Records what the admin's own history is told of; that history goes with the account, this does not."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        audit.record(Action.MADE, obj, **_rights(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        audit.record(Action.CHANGED, obj, fields=_fields(message), **_rights(obj))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for row in queryset:
            audit.record(Action.DELETED, _subject(row), **_rights(row))
        return super().log_deletions(request, queryset)


def _subject(row: Model) -> Subject:
    if isinstance(row, Authenticator):
        return Subject(ObjectKind.SECOND_FACTOR, str(row.pk), row.user.get_username())
    return subject_of(row)


def _rights(row: Model) -> dict[str, Any]:
    names = ("is_active", "is_staff", "is_superuser") if isinstance(row, User) else ()
    return {name: bool(getattr(row, name)) for name in names}


def _fields(message: Any) -> list[str]:
    """The names of the fields that were changed; never what stood in them."""
    parts = message if isinstance(message, list) else []
    return sorted({str(name) for part in parts for name in part.get("changed", {}).get("fields", ())})


for model in (User, Group):
    admin.site.unregister(model)


@admin.register(User)
class AccountAdmin(Audited, UserAdmin):  # type: ignore[type-arg]
    """Accounts, and with them who is staff and who may do what."""


@admin.register(Group)
class RoleAdmin(Audited, GroupAdmin):
    """Groups of accounts, and what they may do."""
