"""Marks that generators leave in a file's metadata. Anybody can write or remove them.

Names are looked for in what a file says of itself: programs, comments, encoders, XMP, the digital source type
of the IPTC (https://cv.iptc.org/newscodes/digitalsourcetype/), and the label that Chinese law asks for
(TC260-PG-20233A: a field AIGC).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ml_app.provenance.findings import Mark

# Of the IPTC's list, those by which a file says that a trained model made it or a part of it.
GENERATED = frozenset(
    {
        "trainedAlgorithmicMedia",
        "compositeWithTrainedAlgorithmicMedia",
        "trainedAlgorithmicData",
        "algorithmicMedia",
        "compositeSynthetic",
    }
)
# Whole words, so that no name of a person or place is taken for one; everyday words want another beside them.
_GENERATORS = {
    "Stable Diffusion": r"stable[ _-]?diffusion|\bsdxl\b|Steps: \d+, Sampler:",
    "ComfyUI": r"\bcomfyui\b|\"class_type\"\s*:",
    "Automatic1111": r"\bautomatic1111\b",
    "InvokeAI": r"\binvokeai\b",
    "NovelAI": r"\bnovelai\b",
    "Midjourney": r"\bmidjourney\b",
    "DALL·E": r"\bdall[·\-. ]?e\b",
    "OpenAI": r"\bopenai\b|\bgpt-4o\b|\bsora-?2?\b(?= *(?:video|model|by))",
    "Adobe Firefly": r"\bfirefly\b",
    "Google AI": r"\bgoogle ai\b|\bmade with google ai\b|\bimagen \d\b|\bveo[ -]?\d\b",
    "Flux": r"\bflux[ .]?1\b|black forest labs",
    "Runway": r"\brunway ?ml\b|\brunway gen-?\d\b",
    "Pika": r"\bpika labs\b|\bpika\.art\b",
    "Luma": r"\bluma(?: ai|labs)\b|\bdream machine\b",
    "Kling": r"\bkling(?: ?ai)?\b",
    "Hailuo": r"\bhailuo\b|\bminimax\b",
    "Hunyuan": r"\bhunyuan ?video\b",
    "Wan": r"\bwan ?2\.\d\b",
    "HeyGen": r"\bheygen\b",
    "Synthesia": r"\bsynthesia\b",
    "D-ID": r"\bd-id\b(?= *(?:studio|video|inc|com)|\.com)",
    "AnimateDiff": r"\banimatediff\b",
    "DeepFaceLab": r"\bdeepfacelab\b",
    "FaceFusion": r"\bfacefusion\b",
    "Grok": r"\bgrok imagine\b|\bxai aurora\b",
}
_PATTERNS = [(name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _GENERATORS.items()]


def marks_of(said: Iterable[tuple[str, str]]) -> tuple[Mark, ...]:
    """Those among what a file says of itself.

    Args:
        said: Pairs of a name of `detection.video.kinds.SAYINGS` and a text.
    """
    return tuple(_marks(said))


def _marks(said: Iterable[tuple[str, str]]) -> Iterator[Mark]:
    for where, text in said:
        name = next((name for name, pattern in _PATTERNS if pattern.search(text)), "")
        if (where == "source_type" and text in GENERATED) or where in ("generator", "aigc") or name:
            yield Mark(where, text, name)
