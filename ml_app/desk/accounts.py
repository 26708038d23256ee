"""The desk's door, and what operators see of accounts: never a secret of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.mfa import admin as _mfa  # noqa: F401 - now: what Django finds later would be registered after us
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as _social  # noqa: F401 - the same
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions import admin as _sessions  # noqa: F401 - the same
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from ml_app.desk.audited import Audited
from ml_app.models import Invitation
from ml_app.web.own_address import own_address

if TYPE_CHECKING:
    InvitationBase = admin.ModelAdmin[Invitation]
else:
    InvitationBase = admin.ModelAdmin

for model in (SocialApp, SocialToken, SocialAccount, Authenticator, UserSession):
    admin.site.unregister(model)  # servers come from settings, and tokens are nobody's to read


@never_cache
def sign_in(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Instead of the admin's own form, which knows no second factor: the site's page, and back."""
    back = own_address(request, REDIRECT_FIELD_NAME) or reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(back)
    if admin.site.has_permission(request):
        return redirect(back)
    messages.error(request, _("The review desk is for staff. Your account is not."))
    return redirect("ml_app:upload")


admin.site.login = sign_in  # type: ignore[method-assign]


@admin.register(Authenticator)
class SecondFactorAdmin(Audited, admin.ModelAdmin):  # type: ignore[type-arg] # allauth is not typed
    """Second factors of people. Who lost theirs is let in by deleting it here."""

    list_display = ("user", "type", "created_at", "last_used_at")
    search_fields = ("user__username", "user__email")
    fields = readonly_fields = ("user", "type", "created_at", "last_used_at")  # but not what is in it

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(UserSession)
class SessionAdmin(Audited, admin.ModelAdmin):  # type: ignore[type-arg] # allauth is not typed
    """Where people are signed in. Deleting a row signs that browser out."""

    list_display = ("user", "created_at", "last_seen_at", "ip", "user_agent")
    list_select_related = ("user",)
    search_fields = ("user__username", "ip")
    fields = readonly_fields = ("user", "created_at", "last_seen_at", "ip", "user_agent")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        obj.end()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> None:
        for session in queryset:
            session.end()


@admin.register(Invitation)
class InvitationAdmin(InvitationBase):
    """Who was invited, by whom. They are made on the site's own page."""

    list_display = ("email", "invited_by", "created_at", "expires_at", "accepted_at", "withdrawn_at")
    list_select_related = ("invited_by",)
    search_fields = ("email",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False
