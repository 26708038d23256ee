"""What several detectors say of the same people, beside each other and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from ml_app.models import Face, Opinion, Scan, Verdict
from ml_app.web import wording


@dataclass(frozen=True, slots=True)
class Voice:
    """What one detector says of one person."""

    detector: str
    verdict: str
    words: str
    reason: str  # in words
    fake_probability: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A person with what every detector says, the scan's own first."""

    face: Face
    voices: tuple[Voice, ...]
    words: str  # whether they agree


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Everything of one scan."""

    detectors: tuple[str, ...]
    rows: tuple[Row, ...]
    opinions: tuple[Opinion, ...]


def side_by_side(scan: Scan, faces: Sequence[Face], opinions: Sequence[Opinion]) -> SideBySide | None:
    """None where no other detector was asked."""
    if not opinions:
        return None
    told = [{face["id"]: face for face in opinion.faces} for opinion in opinions]
    rows = []
    for face in faces:
        others = (
            _other(scan, opinion, said.get(face.number)) for opinion, said in zip(opinions, told, strict=True)
        )
        voices = (_voice(scan.detector_name, scan, face), *others)
        rows.append(Row(face, voices, agreement(voices)))
    names = (scan.detector_name, *(opinion.detector_name for opinion in opinions))
    return SideBySide(names, tuple(rows), tuple(opinions))


def _other(scan: Scan, opinion: Opinion, said: Mapping[str, Any] | None) -> Voice:
    if said is None:
        return Voice(opinion.detector_name, Verdict.NOT_ANALYSABLE, _("Not judged"), "", None)
    values = {name: said[name] for name in ("verdict", "evidence", "fake_probability")}
    return _voice(opinion.detector_name, scan, Face(scan=scan, reason=said["reason"] or "", **values))


def _voice(detector: str, scan: Scan, person: Face) -> Voice:
    reason = str(wording.reason(person.reason, scan.video)) if person.reason else ""
    return Voice(detector, person.verdict, str(wording.headline(person)), reason, person.fake_probability)


def agreement(voices: Sequence[Voice]) -> str:
    """Where several detectors agree about a person and where not, in a sentence."""
    by_verdict: dict[str, list[str]] = {}
    for voice in voices:
        by_verdict.setdefault(voice.verdict, []).append(voice.detector)
    against, for_it = by_verdict.get(Verdict.FAKE, []), by_verdict.get(Verdict.REAL, [])
    silent = [*by_verdict.get(Verdict.UNCERTAIN, []), *by_verdict.get(Verdict.NOT_ANALYSABLE, [])]
    names = {"against": ", ".join(against), "genuine": ", ".join(for_it), "silent": ", ".join(silent)}
    if against and for_it:
        words = _("They contradict each other: %(against)s sees manipulation, %(genuine)s no evidence of it.")
        return words % names
    if against and silent:
        return _("%(against)s alone sees manipulation; %(silent)s does not decide.") % names
    if for_it and silent:
        return _("%(genuine)s finds no evidence of manipulation; %(silent)s does not decide.") % names
    if against:
        return _("They agree: all see manipulation.")
    if for_it:
        return _("They agree: none finds evidence of manipulation.")
    return _("None of them decides.")
