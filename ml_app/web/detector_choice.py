"""Another detector for another scan, and what one is worth whose finding is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ml_app.detection.checkpoints.manifest import available
from ml_app.models import Scan
from ml_app.services.detectors import detector_state
from ml_app.web.detector_figures import detector_figures

WEAK = 0.7  # area under the ROC curve on clips; whoever is below says so beside every finding


class DetectorForm(forms.Form):
    """Which of the installed detectors is to look. Left out, it is the one in use."""

    detector = forms.ChoiceField(
        label=_("Detector"),
        required=False,
        error_messages={"invalid_choice": _("Choose one of the installed detectors.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "detector_%s")
        super().__init__(*args, **kwargs)
        field = self.fields["detector"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        names = [folder.name for folder in available(Path(settings.MODELS_DIR))]
        others = [name for name in names if name != settings.DETECTOR and detector_state(name=name).available]
        field.choices = [(name, name) for name in (settings.DETECTOR, *others)]
        field.initial = settings.DETECTOR
        self.has_several = bool(others)


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
