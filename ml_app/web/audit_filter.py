"""Which entries of the audit log to list."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ml_app.models.audit_entry import Action, ObjectKind


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget)


class AuditFilter(forms.Form):
    """Every field may be left out; a wrong one filters nothing and says so."""

    who = forms.CharField(label=_("Who"), required=False, max_length=150)
    action = forms.ChoiceField(label=_("Did what"), required=False, choices=[("", _("any")), *Action.choices])
    kind = forms.ChoiceField(
        label=_("Kind of object"), required=False, choices=[("", _("any")), *ObjectKind.choices]
    )
    about = forms.CharField(label=_("Object: number or name, in full"), required=False, max_length=255)
    address = forms.CharField(label=_("Address"), required=False, max_length=45)
    request = forms.CharField(label=_("Request"), required=False, max_length=64)
    since = _day(_("From"))
    until = _day(_("To"))

    def chosen(self) -> dict[str, Any]:
        """What was filled in rightly, by field."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
