"""The forms of the site."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ml_app.models import ItemState, Scan, Verdict

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


class SeveralFiles(forms.FileInput):
    """A field that takes one file or several."""

    allow_multiple_selected = True


class UploadForm(FrameCountForm):
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


class LinkForm(FrameCountListForm):
    """A link to a video, or to the page of one."""

    ids = "link_%s"
    field_order = ("url", "frame_count")

    url = forms.CharField(
        label=_("Link"),
        max_length=2000,
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Give a link first.")},
    )


class BatchForm(FrameCountListForm):
    """How to analyse the files of a batch. The view takes the file from the upload handler."""

    ids = "batch_%s"
    field_order = ("file", "name", "frame_count")

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
    """Which of one's scans to list. Every field may be left out; a wrong one filters nothing and says so."""

    name = forms.CharField(
        label=_("Name"), required=False, max_length=255, widget=forms.TextInput(attrs={"type": "search"})
    )
    verdict = forms.ChoiceField(
        label=_("Verdict"), required=False, choices=[("", _("any")), *Verdict.choices]
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

    def chosen(self) -> dict[str, Any]:
        """What was filled in rightly, by field."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
