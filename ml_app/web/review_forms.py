"""The forms of the review desk: which cases to show, what to decide, and filters that are kept."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlencode

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from ml_app.errors import refuse
from ml_app.models import Evidence, Review, ReviewCaseQuerySet, Scan, TeamQuerySet, Verdict
from ml_app.models.days import in_days

ANY = ("", _("any"))
OLDEST = "oldest"
Rows = TypeVar("Rows", bound=QuerySet[Any])


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget)


class TeamFilter(forms.Form):
    """Whose cases: those of one team. Without teams to choose from there is no such field."""

    team = forms.ChoiceField(label=_("Team"), required=False)

    def __init__(self, *args: Any, teams: TeamQuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field, found = self.fields["team"], [(str(team.pk), team.name) for team in teams]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [ANY, *found]
        if not found:
            del self.fields["team"]

    def chosen(self) -> dict[str, Any]:
        """What was filled in rightly, by field."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def query(self) -> str:
        """The same as it stands in an address, and nothing else that was there."""
        return urlencode({name: str(value) for name, value in self.chosen().items()})

    def of_team(self, rows: Rows) -> Rows:
        """The cases or scans of the team that was asked for; all of them if none was."""
        team = self.chosen().get("team")
        return rows.filter(team=int(team)) if team else rows


class QueueFilter(TeamFilter):
    """Which cases wait for me. Every field may be left out; a wrong one filters nothing and says so."""

    look = forms.ChoiceField(
        label=_("Waits for"),
        required=False,
        choices=[
            ANY,
            ("1", _("a first look")),
            ("2", _("a second look")),
            ("3", _("a look after a dispute")),
        ],
    )
    who = forms.ChoiceField(
        label=_("Assigned to"),
        required=False,
        choices=[ANY, ("me", _("me")), ("nobody", _("nobody")), ("others", _("others"))],
    )
    verdict = forms.ChoiceField(
        label=_("Verdict"),
        required=False,
        choices=[ANY, *Verdict.choices],
    )
    evidence = forms.ChoiceField(label=_("Evidence"), required=False, choices=[ANY, *Evidence.choices])
    since = _day(_("From"))
    until = _day(_("To"))
    order = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[("", _("most uncertain first")), (OLDEST, _("oldest first"))],
    )

    def applied(self, cases: ReviewCaseQuerySet, *, reviewer_id: int) -> ReviewCaseQuerySet:
        """The cases that were asked for, in the order that was asked for."""
        chosen = self.chosen()
        found = self.of_team(cases).for_reviewer(reviewer_id)
        if look := chosen.get("look"):
            found = found.filter(needs__gte=3) if look == "3" else found.filter(needs=int(look))
        match chosen.get("who"):
            case "me":
                found = found.filter(assignee=reviewer_id)
            case "nobody":
                found = found.filter(assignee=None)
            case "others":
                found = found.exclude(assignee=None).exclude(assignee=reviewer_id)
        for name in ("verdict", "evidence"):
            if name in chosen:
                found = found.filter(**{f"scan__{name}": chosen[name]})
        found = found.filter(in_days("waiting_since", chosen.get("since"), chosen.get("until")))
        by_age = chosen.get("order") == OLDEST
        return found.order_by("waiting_since", "pk") if by_age else found.most_urgent_first()


class DecisionForm(forms.Form):
    """A decision on a scan."""

    decision = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            (Review.Decision.CONFIRMED_GENUINE.value, _("Genuine")),
            (Review.Decision.CONFIRMED_FAKE.value, _("Manipulated")),
            (Review.Decision.CANNOT_TELL.value, _("Cannot tell")),
            (Review.Decision.NOT_A_FACE_VIDEO.value, _("Not a video of a face")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose one of the offered decisions.")},
    )
    note = forms.CharField(
        label=_("Note, for reviewers"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    at = forms.CharField(
        label=_("Moment that shows it, as 1:23 or in seconds"),
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    person = forms.TypedChoiceField(label=_("Person"), required=False, coerce=int, empty_value=None)

    def __init__(self, *args: Any, scan: Scan, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "decide_%s")
        super().__init__(*args, **kwargs)
        person = self.fields["person"]
        assert isinstance(person, forms.TypedChoiceField)  # noqa: S101 - for the type checker
        numbers = scan.faces.order_by("number").values_list("number", flat=True)
        person.choices = [("", _("none in particular")), *((number, str(number)) for number in numbers)]
        if scan.video.is_picture:
            del self.fields["at"]

    def clean_at(self) -> float | None:
        """Seconds; None where nothing was given.

        Raises:
            ValidationError: It is no moment.
        """
        text: str = self.cleaned_data["at"].strip().replace(",", ".")
        if not text:
            return None
        parts = text.split(":")
        try:
            if len(parts) > 3 or any(not part.replace(".", "", 1).isdecimal() for part in parts):
                raise ValueError(text)
            seconds = 0.0
            for part in parts:
                seconds = seconds * 60 + float(part)
        except ValueError as error:
            raise forms.ValidationError(str(refuse("bad_mark"))) from error
        return seconds


class SaveFilterForm(forms.Form):
    """A name for the filter that is shown."""

    name = forms.CharField(label=_("Keep this filter as"), max_length=60)
