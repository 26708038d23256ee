"""The forms of the site."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ml_app.errors import scan_errors
from ml_app.models import ItemState, Scan, Team, Verdict, Video
from ml_app.services import access
from ml_app.services.access import Actor
from ml_app.teams.defaults import detector_for, frame_count_for
from ml_app.web.detector_choice import ForDetectorForm

# What the file picker offers first. The reader decides by content, never by name.
ACCEPTED = (
    "video/*,image/*,.mp4,.mov,.m4v,.webm,.mkv,.avi,.3gp,.wmv,.flv,"
    ".ts,.mts,.m2ts,.mpg,.mpeg,.gif,.webp,.apng,.png,.jpg,.jpeg,.heic,.avif,.tif,.tiff"
)


class OfferingForm(forms.Form):
    """Offers in the field `frame_count`, which its heirs declare, the numbers that the site has."""

    ids = "id_%s"  # of the fields; forms that stand on one page differ in it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", self.ids)
        super().__init__(*args, **kwargs)
        field = self.fields["frame_count"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 - for the type checker
        field.choices = [(count, str(count)) for count in settings.FRAME_COUNTS]
        field.initial = settings.DEFAULT_FRAME_COUNT


class FrameCountForm(OfferingForm):
    """How many frames to look at."""

    frame_count = forms.TypedChoiceField(
        label=_("How many frames to look at"),
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={
            "invalid_choice": _("Choose one of the offered numbers of frames."),
            "required": _("Choose one of the offered numbers of frames."),
        },
    )


class ForTeamForm(forms.Form):
    """Offers in the field `team` to whom a video may be given. Whoever has no team is shown no choice."""

    team = forms.ChoiceField(
        label=_("Who sees it"),
        required=False,
        error_messages={"invalid_choice": scan_errors["bad_team"]},  # type: ignore[dict-item]
    )

    def __init__(self, *args: Any, teams: Sequence[Team], **kwargs: Any) -> None:
        """`teams` know the number of their members."""
        super().__init__(*args, **kwargs)
        self.teams = {str(team.pk): team for team in teams}
        field = self.fields["team"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [("", _("Only you, and this site's reviewers")), *map(_who_sees, teams)]
        of_teams = {key: frame_count_for(team) for key, team in self.teams.items()}
        counts = {"": frame_count_for(None), **of_teams}
        field.widget.attrs["data-frames"] = json.dumps(counts)  # for static/js/team.js
        usual = {key: detector_for(team) for key, team in (("", None), *self.teams.items())}
        field.widget.attrs["data-usual"] = json.dumps(usual)  # for static/js/detector.js
        if self.teams and isinstance(self, ForDetectorForm):
            self.leave_to_team()
        chosen = self.teams.get(str(self.initial.get("team")))
        if chosen:
            self.initial["frame_count"] = frame_count_for(chosen)

    def clean_team(self) -> Team | None:
        """The team itself; None for nobody else."""
        return self.teams.get(self.cleaned_data["team"])

    def wanted_detector(self) -> str:
        """The detector that was chosen, or the usual one of the team or the site."""
        return self.cleaned_data.get("detector") or detector_for(self.cleaned_data["team"])


def _who_sees(team: Team) -> tuple[str, str]:
    number: int = team.members  # type: ignore[attr-defined]
    words = ngettext("All of “%(team)s”: %(number)d member", "All of “%(team)s”: %(number)d members", number)
    return str(team.pk), words % {"team": team.name, "number": number}


class SeveralFiles(forms.FileInput):
    """A field that takes one file or several."""

    allow_multiple_selected = True


class UploadForm(ForTeamForm, ForDetectorForm, FrameCountForm):
    """Files and how many frames of them to look at. The view takes the files from the upload handler."""

    video = forms.Field(
        label=_("Video"),
        required=False,
        widget=SeveralFiles(attrs={"accept": ACCEPTED}),
    )


class FrameCountListForm(OfferingForm):
    """The same as a list to choose from, where little room is."""

    frame_count = forms.TypedChoiceField(
        label=_("How many frames to look at"),
        coerce=int,
        error_messages={"invalid_choice": _("Choose one of the offered numbers of frames.")},
    )


class LinkForm(ForTeamForm, ForDetectorForm, FrameCountListForm):
    """A link to a video, or to the page of one."""

    ids = "link_%s"
    is_brief = True
    field_order = ("url", "frame_count", "detector", "also", "team")

    url = forms.CharField(
        label=_("Link"),
        max_length=2000,
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Give a link first.")},
    )


class BatchForm(ForTeamForm, ForDetectorForm, FrameCountListForm):
    """How to analyse the files of a batch. The view takes the file from the upload handler."""

    ids = "batch_%s"
    field_order = ("file", "name", "frame_count", "detector", "team")

    file = forms.Field(required=False)
    name = forms.CharField(required=False, max_length=200)


class BatchFilter(forms.Form):
    """Which files of a batch to list. What is wrong filters nothing."""

    state = forms.ChoiceField(label=_("Status"), required=False, choices=[("", _("any")), *ItemState.choices])
    verdict = forms.ChoiceField(
        label=_("Verdict"), required=False, choices=[("", _("any")), *Verdict.choices]
    )
    order = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[
            ("number", _("as they were given")),
            ("name", _("by name")),
            ("probability", _("most suspicious first")),
        ],
    )

    def chosen(self) -> dict[str, Any]:
        """What was filled in rightly, by field."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class HistoryFilter(forms.Form):
    """Which scans to list. Every field may be left out; a wrong one filters nothing and says so."""

    whose = forms.ChoiceField(label=_("Whose"), required=False)

    name = forms.CharField(
        label=_("Name"), required=False, max_length=255, widget=forms.TextInput(attrs={"type": "search"})
    )
    verdict = forms.ChoiceField(
        label=_("Verdict"), required=False, choices=[("", _("any")), *Verdict.choices]
    )
    kind = forms.ChoiceField(
        label=_("Kind of file"), required=False, choices=[("", _("any")), *Video.Kind.choices]
    )
    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("", _("any")), *Scan.Status.choices]
    )
    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.has_teams = bool(actor.roles) or actor.is_staff
        if not self.has_teams:
            del self.fields["whose"]
            return
        teams = access.joined_teams(actor).values_list("pk", "name") if actor.roles else ()
        everything = _("Everybody's") if actor.is_staff else _("All that you see")
        field = self.fields["whose"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [
            ("", _("Yours")),
            *((str(pk), name) for pk, name in teams),
            (access.EVERYTHING, everything),
        ]

    def chosen(self) -> dict[str, Any]:
        """What was filled in rightly, by field."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
