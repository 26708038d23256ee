"""Teams, for operators: what their administrators cannot put right, such as a team that lost its last one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from ml_app.models import Membership, Team

if TYPE_CHECKING:
    TeamBase = admin.ModelAdmin[Team]
    MembershipBase = admin.TabularInline[Membership, Team]
else:
    TeamBase, MembershipBase = admin.ModelAdmin, admin.TabularInline


class MembershipInline(MembershipBase):
    """Who belongs to the team, in which role."""

    model = Membership
    extra = 1
    raw_id_fields = ("user",)
    fields = ("user", "role")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs["aria-label"] = db_field.verbose_name  # the table's head is no label
        return field


@admin.register(Team)
class TeamAdmin(TeamBase):
    """Teams of everybody. One that scans were given to cannot be deleted."""

    list_display = ("name", "created_at")
    search_fields = ("name", "memberships__user__username")
    fields = ("name",)
    inlines = (MembershipInline,)
