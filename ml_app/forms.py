"""The forms of the site."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

# What the file picker offers first. The reader decides by content, never by name.
ACCEPTED = "video/*,image/gif,.mp4,.mov,.m4v,.webm,.mkv,.avi,.3gp,.wmv,.flv,.ts,.mts,.m2ts,.mpg,.mpeg,.gif"


class FrameCountForm(forms.Form):
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["frame_count"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 - for the type checker
        field.choices = [(count, str(count)) for count in settings.FRAME_COUNTS]
        field.initial = settings.DEFAULT_FRAME_COUNT


class UploadForm(FrameCountForm):
    """A video and how many frames of it to look at. The view takes the file from the upload handler."""

    video = forms.Field(
        label=_("Video"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
    )
