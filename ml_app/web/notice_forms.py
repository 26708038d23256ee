"""The form of how one is told of what one watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

from ml_app.models import NoticeSettings

if TYPE_CHECKING:
    NoticeSettingsBase = forms.ModelForm[NoticeSettings]
else:
    NoticeSettingsBase = forms.ModelForm


class NoticeSettingsForm(NoticeSettingsBase):
    """By e-mail or not, and whether on the site."""

    class Meta:
        model = NoticeSettings
        fields = ("mail", "on_site")
