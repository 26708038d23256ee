"""The first start: an administrator is made on a page, by whoever can read this installation's files.

The page asks for a code that lies in `DATA_DIR`: without one, whoever came first could have the site.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from deepfake_site.secrets import secret_key
from ml_app import audit
from ml_app.audit import Action

_WRONG = _("This is not the code. It stands on the console where the site was started.")


def is_needed() -> bool:
    """Whether there is no administrator yet."""
    return not User.objects.filter(is_superuser=True).exists()


def first_code() -> str:
    """The code that the page asks for; made where there is none."""
    return secret_key(_file())


def _file() -> Path:
    return Path(settings.DATA_DIR) / "first_code"


class FirstAdministratorForm(BaseUserCreationForm):  # type: ignore[type-arg]
    """The first administrator's name, address and password."""

    code = forms.CharField(label=_("Code"), max_length=200, strip=True)
    email = forms.EmailField(label=_("E-mail address"), required=False, help_text=_("To reset a password."))
    field_order = ("code", "username", "email", "password1", "password2")

    class Meta:
        model = User
        fields = ("username", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["autocomplete"] = "off"
        self.fields["username"].widget.attrs.pop("autofocus", None)

    def clean_code(self) -> str:
        """
        Raises:
            ValidationError: It is not that of this installation.
        """
        code: str = self.cleaned_data["code"]
        if not secrets.compare_digest(code.encode(), first_code().encode()):
            raise ValidationError(_WRONG)
        return code

    def make(self) -> User | None:
        """Make the account. None: somebody else was faster with the same code."""
        try:
            _file().unlink()  # of two at once, one alone can do that
        except FileNotFoundError:
            return None
        user: User = self.save(commit=False)
        user.is_staff = user.is_superuser = True
        with transaction.atomic():
            user.save()
            audit.record(Action.MADE, user, is_staff=True, is_superuser=True)
        return user
