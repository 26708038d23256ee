"""What is said of where a file says that it comes from. It is never mixed with the verdict's words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from ml_app.provenance.findings import State, Trust
from ml_app.web.wording import SAYINGS, Words

STATES: dict[str, Words] = {
    State.NONE: _(
        "The file has no Content Credentials. Most files have none, and most sites take them out: it proves "
        "nothing."
    ),
    State.VALID: _("The file has Content Credentials, and neither they nor the file were changed since."),
    State.INVALID: _(
        "The file has Content Credentials that do not fit: it, or they, were changed after the signature."
    ),
    State.UNREADABLE: _("Content Credentials could not be looked for: they, or the file, are damaged."),
    State.NOT_SUPPORTED: _("In files of this format Content Credentials are not looked for."),
}
TRUST: dict[str, Words] = {
    Trust.TRUSTED: _("The signer is on this site's trust list."),
    Trust.UNTRUSTED: _("The signer is not on this site's trust list: anybody can sign under any name."),
    Trust.NO_LIST: _(
        "Unverified: this site has no trust list, and anybody can sign under any name. The administrator can "
        "set one."
    ),
}
ACTIONS: dict[str, Words] = {
    "c2pa.created": _("created"),
    "c2pa.opened": _("opened"),
    "c2pa.placed": _("another file was placed in it"),
    "c2pa.edited": _("edited"),
    "c2pa.cropped": _("cropped"),
    "c2pa.resized": _("resized"),
    "c2pa.resized.proportional": _("resized"),
    "c2pa.orientation": _("turned"),
    "c2pa.filtered": _("a filter was applied"),
    "c2pa.color_adjustments": _("colours were changed"),
    "c2pa.drawing": _("something was drawn in"),
    "c2pa.removed": _("something was removed"),
    "c2pa.deleted": _("something was removed"),
    "c2pa.redacted": _("something was redacted"),
    "c2pa.trimmed": _("cut to a part"),
    "c2pa.dubbed": _("the sound was replaced"),
    "c2pa.translated": _("translated"),
    "c2pa.converted": _("stored in another format"),
    "c2pa.transcoded": _("stored in another format"),
    "c2pa.repackaged": _("packed anew"),
    "c2pa.published": _("published"),
    "c2pa.unknown": _("something that it does not name"),
}
SOURCE_TYPES: dict[str, Words] = {
    "trainedAlgorithmicMedia": _("made by a generator (a trained model)"),
    "compositeWithTrainedAlgorithmicMedia": _("put together with parts that a generator made"),
    "algorithmicMedia": _("made by a program without a trained model"),
    "trainedAlgorithmicData": _("data that a trained model made"),
    "compositeSynthetic": _("put together with synthetic parts"),
    "composite": _("put together of several sources"),
    "compositeCapture": _("put together of several captures"),
    "algorithmicallyEnhanced": _("enhanced by a program"),
    "digitalCapture": _("captured by a digital camera"),
    "computationalCapture": _("captured, with computation by the camera"),
    "screenCapture": _("a capture of a screen"),
    "virtualRecording": _("a recording of a virtual scene"),
    "digitalCreation": _("made by hand with a program"),
    "humanEdits": _("edited by hand"),
    "negativeFilm": _("scanned from a film"),
    "positiveFilm": _("scanned from a film"),
    "print": _("scanned from a print"),
}
WHERE: dict[str, Words] = SAYINGS | {"aigc": _("Label for generated media (AIGC)")}


def told(provenance: dict[str, Any]) -> dict[str, Any] | None:
    """What a template shows of a scan's provenance; None where nobody looked.

    Args:
        provenance: As `provenance.findings.Provenance.to_json` has it, or empty.
    """
    if not provenance:
        return None
    given = provenance["credentials"]
    return {
        "state": given["state"],
        "state_words": STATES.get(given["state"], given["state"]),
        "trust": given["trust"],
        "trust_words": TRUST.get(given["trust"] or "", ""),
        "who": ", ".join(filter(None, (given["signer"], given["organisation"]))),
        "signed_at": given["signed_at"],
        "algorithm": given["algorithm"],
        "tools": given["tools"],
        "actions": [_action(one) for one in given["actions"]],
        "ingredients": given["ingredients"],
        "says_generated": given["says_generated"],
        "problems": given["problems"],
        "marks": [
            {
                "where": WHERE.get(one["where"], one["where"]),
                "text": SOURCE_TYPES.get(one["text"], one["text"]),
                "generator": one["generator"],
            }
            for one in provenance["marks"]
        ],
        "metadata": [(WHERE.get(name, name), text) for name, text in provenance["metadata"]],
    }


def _action(one: dict[str, str]) -> dict[str, Words]:
    return {
        "words": ACTIONS.get(one["action"], one["action"]),
        "tool": one["tool"],
        "when": one["when"],
        "source": SOURCE_TYPES.get(one["source_type"], one["source_type"]),
    }
