"""Forms of accounts, where allauth's own do not say enough."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import LoginForm
from django import forms
from django.utils.translation import gettext_lazy as _

from ml_app.accounts import first


class SignInForm(LoginForm):  # type: ignore[misc] # allauth is not typed
    """A name or an address, and a password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("Name or e-mail address")
        self.fields["login"].widget.attrs["autocomplete"] = "username"
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)  # the labels stand above

    @property
    def may_sign_up(self) -> bool:
        """Whether whoever asks could make an account instead."""
        return bool(get_adapter(self.request).is_open_for_signup(self.request))

    @property
    def is_first_start(self) -> bool:
        """Whether there is nobody yet who could sign in to administer the site."""
        return first.is_needed()


class InvitationForm(forms.Form):
    """Whom to invite."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
