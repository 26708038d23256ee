"""What this site answers where allauth asks: who may sign up, by which address, and from where they come."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from deepfake_site.addresses import client_address
from ml_app import audit
from ml_app.accounts.invitations import invitation_of
from ml_app.audit import Action
from ml_app.models import Invitation
from ml_app.teams import members


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth is not typed
    """Sign-up by invitation, and addresses as the rest of the site sees them."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether whoever asks may make an account."""
        return settings.SIGNUP_OPEN or invitation_of(request) is not None

    def clean_email(self, email: str) -> str:
        """An invitation is for one address.

        Raises:
            ValidationError: It is another one.
        """
        invitation = invitation_of(self.request) if self.request else None
        signs_up = self.request is not None and not self.request.user.is_authenticated
        if signs_up and invitation and email.lower() != invitation.email.lower():
            text = _("Your invitation is for %(email)s. Use that address, or ask for another invitation.")
            raise ValidationError(text % {"email": invitation.email})
        return str(super().clean_email(email))

    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:
        """Make the account, and use up the invitation in the same transaction.

        Raises:
            ImmediateHttpResponse: Somebody else was faster with the same invitation.
        """
        invitation = invitation_of(request)
        if invitation:  # it went to that address, which so needs no other confirmation
            self.stash_verified_email(request, invitation.email)
        with transaction.atomic():
            made: User = super().save_user(request, user, form, commit)
            if commit and invitation and not Invitation.objects.accept(invitation.pk, made):
                raise ImmediateHttpResponse(redirect("account_signup"))
            if commit and invitation and invitation.team:
                members.join(team=invitation.team, user=made, role=invitation.role)
        return made

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that the count of failed logins uses."""
        return client_address(request)

    def get_login_stages(self) -> list[str]:
        """Those of allauth, with our own rule of who has to confirm an address."""
        ours = f"{ConfirmAddressStage.__module__}.{ConfirmAddressStage.__qualname__}"
        theirs = "allauth.account.stages.EmailVerificationStage"
        return [ours if stage == theirs else stage for stage in super().get_login_stages()]


class ConfirmAddressStage(EmailVerificationStage):  # type: ignore[misc]
    """Only accounts that came by sign-up confirm: one that the operator made has nothing to confirm."""

    def handle(self) -> Any:
        """What comes before the login, if anything, and whether to go on."""
        user = self.login.user
        if user is not None and not EmailAddress.objects.filter(user=user).exists():
            return None, True
        return super().handle()


class SingleSignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Whoever the operator's server lets in."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Whether somebody without an account here gets one."""
        return settings.OIDC_SIGNUP or settings.SIGNUP_OPEN or invitation_of(request) is not None


class SessionsAdapter(DefaultUserSessionsAdapter):  # type: ignore[misc]
    """Whoever ends sessions of an account leaves an entry in the audit log for each."""

    def end_sessions(self, sessions: Any) -> None:
        """Sign those browsers out."""
        with audit.gathered():
            for session in sessions:
                subject = audit.subject_of(session)
                session.end()
                audit.record(Action.DELETED, subject)
