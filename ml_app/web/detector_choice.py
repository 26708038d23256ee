"""Which detector is to look: what each reads and is worth, and what one is worth whose finding is shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ml_app.models import Scan
from ml_app.services.detectors import detector_state, installed_detectors, is_ensemble
from ml_app.web.detector_figures import HeadFigures, detector_figures
from ml_app.web.frame_counts import frame_choices
from ml_app.web.wording import rounded

WEAK = 0.7  # area under the ROC curve on clips; whoever is below says so beside every finding


@dataclass(frozen=True, slots=True)
class Offer:
    """A detector that may be chosen."""

    name: str
    reads: str  # in words
    worth: str  # in words

    @property
    def words(self) -> str:
        """Both."""
        return f"{self.reads} {self.worth}"


def offered() -> list[str]:
    """The names of the detectors that can be asked; first the one in use, even if it is not there."""
    others = [name for name in installed_detectors() if name != settings.DETECTOR]
    return [settings.DETECTOR, *(name for name in others if detector_state(name=name).available)]


def offer(name: str) -> Offer:
    """What is said of a detector where it can be chosen: by its checkpoint for the usual number of frames."""
    heads = detector_figures(name=name)
    if not heads:
        return Offer(name, "", _("Accuracy: not measured yet."))
    nearest = min(heads, key=lambda head: abs(head.frame_count - settings.DEFAULT_FRAME_COUNT))
    return Offer(name, _reads(nearest), _worth(nearest))


def _reads(head: HeadFigures) -> str:
    if head.architecture == "ensemble":
        return _("Asks other detectors about the same people, and weighs what they say.")
    if head.architecture == "keras_sequential":
        return _("Reads where 68 points of the face stand from frame to frame, and no pixels.")
    if head.reads == "landmarks":
        return _("Reads how 68 points of the face move, and no pixels.")
    return _("Reads the pixels of each face, and how they vary.")


def _worth(head: HeadFigures) -> str:
    auc = head.auc
    if auc is None:
        return _("Accuracy: not measured yet.")
    value = rounded(auc.value, 2)
    if auc.low is None or auc.high is None:
        return _("Area under the ROC curve: %(auc)s (0.5 is guessing, 1 perfect).") % {"auc": value}
    return _("Area under the ROC curve: %(auc)s (%(low)s to %(high)s; 0.5 is guessing, 1 perfect).") % {
        "auc": value,
        "low": rounded(auc.low, 2),
        "high": rounded(auc.high, 2),
    }


class ForDetectorForm(forms.Form):
    """Offers the installed detectors. Left out, the scan is by the one that is usual there."""

    is_brief = False  # a list of names, where little room is

    detector = forms.ChoiceField(
        label=gettext_lazy("Detector"),
        required=False,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": gettext_lazy("Choose one of the installed detectors.")},
    )

    also = forms.MultipleChoiceField(
        label=gettext_lazy("Ask as well"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": gettext_lazy("Choose one of the installed detectors.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = offered()
        field = self.fields["detector"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        if self.is_brief:
            field.widget = forms.Select()
        field.choices = [(name, name) for name in self.names]
        field.initial = settings.DETECTOR
        self.has_several = len(self.names) > 1
        also = self.fields["also"]
        assert isinstance(also, forms.MultipleChoiceField)  # noqa: S101 - for the type checker
        also.choices = [(name, name) for name in self.names if not is_ensemble(name=name)]

    def wanted_others(self) -> list[str]:
        """The detectors that are asked as well."""
        return list(self.cleaned_data.get("also") or ())

    def leave_to_team(self) -> None:
        """Offer first what is usual, so that a team's own detector is taken where nobody chooses."""
        field = self.fields["detector"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [("", gettext_lazy("As usual")), *((name, name) for name in self.names)]
        field.initial = ""

    def offers(self) -> list[tuple[Any, Offer]]:
        """Each radio button with what is said of its detector."""
        usual = Offer("", _("“%(name)s”, or what a team has chosen.") % {"name": settings.DETECTOR}, "")
        return [
            (radio, offer(radio.data["value"]) if radio.data["value"] else usual)
            for radio in self["detector"]
        ]

    def frames_json(self) -> str:
        """For static/js: the numbers of frames that each detector was made for, with their words."""
        found = {}
        for name in self.names:
            choices = {str(choice.frame_count): choice.words for choice in frame_choices(detector=name)}
            own = {str(count) for count in detector_state(name=name).frame_counts} & set(choices)
            found[name] = {count: words for count, words in choices.items() if count in own or not own}
        return json.dumps(found | {"": found[settings.DETECTOR]})


class DetectorForm(ForDetectorForm):
    """The same by itself, for another scan of a video."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "detector_%s")
        super().__init__(*args, **kwargs)


def weakness(scan: Scan) -> float | None:
    """The area under the ROC curve that the checkpoint of a scan was measured to have, if that is little.

    Not of pictures, which have a measurement of their own; None where nothing is known.
    """
    if scan.video.is_picture:
        return None
    heads = detector_figures(name=scan.detector_name)
    mine = next((head for head in heads if head.sha256 == scan.detector_sha256), None)
    auc = mine.auc if mine else None
    return auc.value if auc and auc.value < WEAK else None
