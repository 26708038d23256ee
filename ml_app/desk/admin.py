"""The review desk: scans with their findings, read-only, and an append-only review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from ml_app import audit, services
from ml_app.desk.actions import DeskActions
from ml_app.desk.columns import FIELDSETS, DeskColumns
from ml_app.desk.filters import (
    DetectorFilter,
    FrameCountFilter,
    ReviewedFilter,
    search_by_digest,
    search_by_number,
)
from ml_app.errors import ServiceError
from ml_app.models import Review, Scan
from ml_app.services import access
from ml_app.services.access import Act
from ml_app.web.listings import ScanPaginator, faces_of, with_extras
from ml_app.web.views.owners import actor_of

if TYPE_CHECKING:
    from django.forms import BaseModelFormSet, ModelForm

    ScanBase = admin.ModelAdmin[Scan]
    ReviewBase = admin.TabularInline[Review, Scan]
    Reviews = BaseModelFormSet[Review, ModelForm[Review]]
else:
    ScanBase, ReviewBase = admin.ModelAdmin, admin.TabularInline

admin.site.site_header = _("Review desk")
admin.site.site_title = _("Review desk")
admin.site.index_title = _("Deepfake detector")
admin.site.enable_nav_sidebar = False  # there is little else here, and the findings want the room


class ReviewInline(ReviewBase):
    """What reviewers decided, and room for one more decision. Nothing is ever changed or deleted."""

    model = Review
    extra = 1
    formfield_overrides: ClassVar = {
        models.TextField: {"widget": forms.Textarea(attrs={"rows": 3, "cols": 36, "aria-label": _("note")})},
    }
    fields = ("decision", "note", "by", "at")
    readonly_fields = ("by", "at")
    verbose_name = verbose_name_plural = _("Reviews (kept for good: a change of mind is a new one)")

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_choice_field(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs["aria-label"] = db_field.verbose_name  # the table's head is no label
        return field

    @admin.display(description=_("reviewer"))
    def by(self, review: Review) -> str:
        return str(review.reviewer) if review.pk else ""

    @admin.display(description=_("recorded"))
    def at(self, review: Review) -> str:
        return date_format(timezone.localtime(review.created_at), "DATETIME_FORMAT") if review.pk else ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        return super().get_queryset(request).select_related("reviewer")

    def get_max_num(self, request: HttpRequest, obj: Scan | None = None, **kwargs: Any) -> int:
        return (obj.reviews.count() if obj else 0) + self.extra

    def has_add_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        return obj is not None and not obj.is_active and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Scan)
class ScanAdmin(DeskActions, DeskColumns, ScanBase):
    """Scans of everybody."""

    list_display = (
        "picture",
        "name",
        "verdict_words",
        "probability",
        "reviewed",
        "frames",
        "created_at",
    )
    list_display_links = ("picture", "name")
    list_filter = (
        "verdict",
        "video__kind",
        "status",
        ReviewedFilter,
        "created_at",
        DetectorFilter,
        FrameCountFilter,
    )
    search_fields = ("video__original_name",)  # and what `get_search_results` knows
    search_help_text = _("Name of the file, SHA-256 of the file or of the checkpoint, number of the scan")
    list_select_related = ("video",)
    list_per_page = 30
    paginator = ScanPaginator
    show_full_result_count = False
    ordering = ("-created_at",)
    inlines = (ReviewInline,)
    fieldsets = FIELDSETS

    class Media:
        css = {"all": ("css/evidence.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Scan]:
        return with_extras(access.visible_scans(actor_of(request)))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Scan], search_term: str
    ) -> tuple[QuerySet[Scan], bool]:
        found = search_by_number(queryset, search_term) or search_by_digest(queryset, search_term)
        return found or super().get_search_results(request, queryset, search_term)

    def get_readonly_fields(self, request: HttpRequest, obj: Scan | None = None) -> list[str]:
        return list(flatten_fieldsets(self.fieldsets))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        # Every field is read-only; "change" only lets Django take the form with a new review.
        return self.has_view_permission(request, obj) and access.may(actor_of(request), Act.REVIEW, None)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"title": _("Scans")} | (extra_context or {}))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        scan = self.get_object(request, object_id)
        if scan is not None and scan.status == Scan.Status.DONE and self.has_view_permission(request, scan):
            audit.seen(scan)
        context = {
            "title": _("Scan"),
            "faces": faces_of(scan) if scan else [],
            "show_save_and_continue": False,
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def response_change(self, request: HttpRequest, obj: Scan) -> HttpResponse:
        # Without Django's word that the scan was changed: it was not.
        return self.response_post_save_change(request, obj)

    def save_model(self, request: HttpRequest, obj: Scan, form: Any, change: bool) -> None:
        """Nothing: the scan belongs to its worker, and a stale copy must not be written over it."""

    def save_formset(self, request: HttpRequest, form: Any, formset: Reviews, change: bool) -> None:
        for review in formset.save(commit=False):
            try:
                services.record_review(
                    scan=form.instance,
                    reviewer=request.user,  # type: ignore[arg-type]  # the desk is for accounts only
                    decision=review.decision,
                    note=review.note,
                )
                messages.success(request, _("The decision was recorded."))
            except ServiceError as error:
                messages.error(request, str(error))
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
