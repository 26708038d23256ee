"""The forms of teams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ml_app.models import Role, Team
from ml_app.services import installed_detectors

if TYPE_CHECKING:
    SettingsBase = forms.ModelForm[Team]
else:
    SettingsBase = forms.ModelForm


class TeamForm(forms.Form):
    """A new team."""

    name = forms.CharField(label=_("Name"), max_length=100)


class MemberForm(forms.Form):
    """Which role a member has."""

    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)


class TeamInvitationForm(MemberForm):
    """Whom to invite, as what."""

    field_order = ("email", "role")
    email = forms.EmailField(label=_("E-mail address"), max_length=254)


class TeamSettingsForm(SettingsBase):
    """What is different for a team's scans."""

    default_detector = forms.ChoiceField(label=_("Detector"), required=False)
    default_frame_count = forms.TypedChoiceField(
        label=_("How many frames to look at"), coerce=int, empty_value=None, required=False
    )

    class Meta:
        model = Team
        fields = (
            "name",
            "media_retention_days",
            "findings_retention_days",
            "default_detector",
            "default_frame_count",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.instance.default_detector
        names = dict.fromkeys([*installed_detectors(), *([chosen] if chosen else [])])
        self._offer("default_detector", settings.DETECTOR, [(name, name) for name in names])
        counts = [(str(count), str(count)) for count in settings.FRAME_COUNTS]
        self._offer("default_frame_count", settings.DEFAULT_FRAME_COUNT, counts)

    def _offer(self, name: str, usual: object, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [("", _("As the site: %(usual)s") % {"usual": usual}), *choices]
