"""What codes are called towards people. Scales of evidence, never certainty.

Pages, the admin and the command line take their words from here.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from unicodedata import bidirectional

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import get_language, get_language_bidi, gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from ml_app.models import Evidence, Face, Scan, Verdict, Video

Words = Promise | str

_FAKE: dict[str, Words] = {
    Evidence.NONE: _("Suspicious, without evidence of manipulation"),
    Evidence.WEAK: _("Weak evidence of manipulation"),
    Evidence.MODERATE: _("Moderate evidence of manipulation"),
    Evidence.STRONG: _("Strong evidence of manipulation"),
    Evidence.VERY_STRONG: _("Very strong evidence of manipulation"),
}
# What the same scale says on the other side of the threshold
SUPPORT: dict[str, Words] = {
    Evidence.WEAK: _("weak support for genuine footage"),
    Evidence.MODERATE: _("moderate support for genuine footage"),
    Evidence.STRONG: _("strong support for genuine footage"),
    Evidence.VERY_STRONG: _("very strong support for genuine footage"),
}
_OTHER: dict[str, Words] = {
    Verdict.REAL: _("No evidence of manipulation found"),
    Verdict.UNCERTAIN: _("Uncertain: too close to call"),
    Verdict.NOT_ANALYSABLE: _("Could not be judged"),
}

REASONS: dict[str, Words] = {
    "near_threshold": _(
        "The probability lies in the band around the threshold, where the model is often wrong. "
        "A scan with more frames, or a better copy of the video, may settle it."
    ),
    "no_face": _("No face was found in the frames that were looked at."),
    "face_too_small": _(
        "The face is too small in the picture to be judged. A copy of higher resolution may help."
    ),
    "too_blurred": _("The face is too blurred to be judged. A sharper copy of the video may help."),
    "too_dark": _("The face is too dark to be judged."),
    "too_few_frames": _(
        "The person was seen in too few of the frames that were looked at. More frames may help."
    ),
    "frames_too_far_apart": _(
        "This detector judges how a face moves, and too few of the frames that show this person lie close "
        "enough together. More frames may help, or another detector."
    ),
    "detectors_disagree": _(
        "The detectors that this one asks contradict each other clearly. What each says stands below."
    ),
    "drawn_face": _(
        "The face looks drawn or painted, not photographed. The detector has learned from photographs alone, "
        "so it says nothing of this face."
    ),
    "pictures_not_measured": _(
        "This detector was not measured on single pictures, so it judges none. If there is a video of the "
        "moment, analyse that."
    ),
}

# The same of a picture, where the words above would speak of a video.
PICTURE_REASONS: dict[str, Words] = {
    "near_threshold": _(
        "The probability lies in the band around the threshold, where the model is often wrong. "
        "A better copy of the picture may settle it."
    ),
    "no_face": _("No face was found in the picture."),
    "too_blurred": _("The face is too blurred to be judged. A sharper copy of the picture may help."),
}

SAYINGS: dict[str, Words] = {
    "camera_make": _("Make of the camera"),
    "camera_model": _("Model of the camera"),
    "lens": _("Lens"),
    "taken": _("Taken"),
    "changed": _("Changed"),
    "software": _("Program"),
    "source_type": _("Kind of source"),
    "generator": _("Instructions to a generator"),
    "description": _("Description"),
    "comment": _("Comment"),
    "artist": _("Author"),
    "credit": _("Credit"),
    "copyright": _("Rights"),
}

NOTES: dict[str, Words] = {
    "fewer_frames_than_requested": _(
        "The video has fewer frames than were asked for; all of them were used."
    ),
    "nearest_head": _("There is no checkpoint for the chosen number of frames; the nearest one was used."),
    "keyframes_only": _(
        "Some frames are the nearest keyframe, or lie near it, instead of at the exact moment."
    ),
    "decoded_partially": _(
        "Parts of the file are damaged or missing; only what could be decoded was looked at."
    ),
}

STAGES: dict[str, Words] = {
    "probe": _("Open the video"),
    "faces": _("Decode frames and find faces"),
    "network": _("Score every face"),
    "explain": _("Draw heatmaps"),
}

FETCH = "fetch"
_FETCH_WORDS = _("Fetch the video, in MB")


def stages(*, fetched: bool) -> dict[str, Words]:
    """What happens to a scan in order, by code; for a link, its file is fetched first."""
    return {FETCH: _FETCH_WORDS, **STAGES} if fetched else STAGES


SECONDS: dict[str, Words] = {
    "decode": _("Decoding frames"),
    "faces": _("Finding and following faces"),
    "network": _("Scoring faces"),
    "explain": _("Drawing heatmaps"),
    "opinions": _("Opinions of further detectors"),
    "total": _("Altogether"),
}

DISCLAIMER: Words = _("Finding nothing does not prove that a video is genuine.")


def headline(subject: Scan | Face) -> Words:
    """The verdict on a video or a person, as a sentence without its full stop."""
    if subject.verdict == Verdict.FAKE:
        return _FAKE.get(subject.evidence, _FAKE[Evidence.NONE])
    return _OTHER.get(subject.verdict, "")


def overruling(scan: Scan, outcome: str) -> Words:
    """What a decision makes of the detector's verdict, which itself stays; empty: nothing."""
    said = {"fake": "confirmed_fake", "real": "confirmed_genuine"}.get(scan.verdict)
    if outcome not in ("confirmed_fake", "confirmed_genuine"):
        return ""
    if said is None:
        return _("The detector had left it open.")
    return "" if said == outcome else _("This overrules the detector, whose verdict stays as it was.")


def support(subject: Scan | Face) -> Words:
    """How strongly a REAL verdict is supported; empty for the others."""
    return SUPPORT.get(subject.evidence, "") if subject.verdict == Verdict.REAL else ""


def reason(code: str, video: Video | None = None) -> Words:
    """Why something, in this video or picture, is uncertain or cannot be judged; empty for the empty code."""
    if video is not None and video.is_picture and code in PICTURE_REASONS:
        return PICTURE_REASONS[code]
    return REASONS.get(code, code.replace("_", " "))


def sayings(video: Video) -> list[tuple[Words, str]]:
    """What a camera or an editor wrote into a picture, with the names of it."""
    return [(SAYINGS.get(name, name.replace("_", " ")), text) for name, text in video.file_says]


_ON_ITS_SIDE: Words = _(
    "The video lies on its side; it was turned before it was analysed, and faces are shown upright."
)
_UPSIDE_DOWN: Words = _(
    "The video is upside down; it was turned before it was analysed, and faces are shown upright."
)


def note(code: str) -> Words:
    """A remark on how a scan went; after a colon a code may have a number."""
    name, _colon, number = code.partition(":")
    if name == "more_people":
        return _left_out(int(number) if number.isdecimal() else 0)
    if name == "looked_again":
        return _looked_again(int(number) if number.isdecimal() else 0)
    if name == "turned":
        return _UPSIDE_DOWN if number == "180" else _ON_ITS_SIDE
    return NOTES.get(code, code.replace("_", " "))


def _left_out(count: int) -> Words:
    if not count:  # scans of before people were counted
        return gettext(
            "There are more people in the picture than are followed; those seen least were left out."
        )
    return ngettext(
        "One more person is in the picture than is followed; the one seen least was left out.",
        "%(count)d more people are in the picture than are followed; those seen least were left out.",
        count,
    ) % {"count": count}


def _looked_again(count: int) -> Words:
    return ngettext(
        "Frames were first taken evenly from the whole video. Faces were seen in a part of it only, "
        "so one more frame was taken from there.",
        "Frames were first taken evenly from the whole video. Faces were seen in a part of it only, "
        "so %(count)d more frames were taken from there.",
        count,
    ) % {"count": count}


def isolated(text: object) -> str:
    """A name that somebody gave, or a label of a drawing, whose direction is its own and not that around it.

    For sentences and drawings, where no `bdi` can stand. Nothing is added where all runs left to right.
    """
    words = str(text)
    is_needed = get_language_bidi() or any(bidirectional(letter) in ("R", "AL") for letter in words)
    return f"\u2068{words}\u2069" if is_needed else words


def percent(probability: float) -> str:
    """A probability 0..1 for people. The ends are never claimed to be reached."""
    if probability < 0.01:
        return per_cent(1, "<\u00a0")
    if probability > 0.99:
        return per_cent(99, ">\u00a0")
    return per_cent(round(probability * 100))


def per_cent(number: int, before: str = "") -> str:
    """A number with the sign, which languages set apart or not. Left to right whatever is around it."""
    return _per_cent(number, before, get_language())


@lru_cache(maxsize=4096)  # pages of figures have hundreds of them
def _per_cent(number: int, before: str, language: str | None) -> str:
    words = before + pgettext("per cent", "%(number)d\u00a0%%") % {"number": number}
    return f"\u2066{words}\u2069" if get_language_bidi() else words


def measured(value: float, *, is_share: bool, is_count: bool = False) -> str:
    """A measured figure for people: a share in per cent, a count whole, another one to two places."""
    if is_share:
        return per_cent(round(value * 100))
    return rounded(value, 0 if is_count else 2)


def rounded(value: float, places: int) -> str:
    """A number in the reader's language. Django's own `number_format` cuts digits off."""
    return number_format(round(value, places), places)


def signed(value: float) -> str:
    """A term of a formula, with a minus sign that is no hyphen."""
    sign = "+" if value >= 0 else "\u2212"
    return f"{sign} {abs(value):.4f}"


def moment(time: datetime) -> str:
    """When something happened, to the minute."""
    return date_format(timezone.localtime(time), gettext("j F Y, H:i"))


def moment_briefly(time: datetime) -> str:
    """The same where there is little room."""
    return date_format(timezone.localtime(time), gettext("j M Y, H:i"))


def moment_exactly(time: datetime) -> str:
    """When something happened, to the second and with the time zone."""
    return date_format(timezone.localtime(time), gettext("j F Y, H:i:s T"))


def clock(seconds: float) -> str:
    """A moment in a video: 0:07.3, 12:05.0, 1:02:03.4."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest / 10:04.1f}"
    return f"{minutes}:{rest / 10:04.1f}"
