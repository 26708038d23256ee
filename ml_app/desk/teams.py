"""Teams, for operators: what their administrators cannot put right, such as a team that lost its last one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.forms import BaseInlineFormSet

from ml_app.desk.audited import Audited
from ml_app.models import Membership, Team

if TYPE_CHECKING:
    from django.forms import ModelForm

    TeamBase = admin.ModelAdmin[Team]
    MembershipBase = admin.TabularInline[Membership, Team]
    FormsBase = BaseInlineFormSet[Membership, Team, ModelForm[Membership]]
else:
    TeamBase, MembershipBase, FormsBase = admin.ModelAdmin, admin.TabularInline, BaseInlineFormSet


class MembershipForms(FormsBase):
    """Rows whose every field has a name, for the table's head is no label."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        for field in form.fields.values():
            field.widget.attrs.setdefault("aria-label", field.label)


class MembershipInline(MembershipBase):
    """Who belongs to the team, in which role."""

    model = Membership
    formset = MembershipForms
    extra = 1
    raw_id_fields = ("user",)
    fields = ("user", "role")


@admin.register(Team)
class TeamAdmin(Audited, TeamBase):
    """Teams of everybody. One that scans were given to cannot be deleted."""

    list_display = ("name", "created_at")
    search_fields = ("name", "memberships__user__username")
    fields = (
        "name",
        "media_retention_days",
        "findings_retention_days",
        "default_detector",
        "default_frame_count",
    )
    inlines = (MembershipInline,)
