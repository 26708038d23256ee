"""A script that fills in a number cannot choose a plural form: no noun may depend on the number."""

from __future__ import annotations

import re

import pytest

from tests.project import catalogues

_OF_TOTAL = re.compile(r"(?:COUNT|TOTAL) (?:\S+ ){1,2}(?=COUNT|TOTAL)")
_COUNTED_NOUN = re.compile(r"\b(?:COUNT|TOTAL) [^\W\d_]")


def counts_a_noun(text: str) -> bool:
    """Whether a word stands after COUNT, other than in "COUNT of TOTAL"."""
    return "COUNT" in text and bool(_COUNTED_NOUN.search(_OF_TOTAL.sub("", text)))


@pytest.mark.parametrize("language", ["en", *catalogues.languages()])
def test_numbers_stand_apart(language: str) -> None:
    catalog = catalogues.messages() if language == "en" else catalogues.read(language)
    if language != "en" and catalog.num_plurals == 1:
        return
    texts = [
        str(message.id if language == "en" else message.string)
        for message in catalog
        if isinstance(message.id, str)
    ]
    assert [text for text in texts if "COUNT" in text]
    assert not [text for text in texts if counts_a_noun(text)]


@pytest.mark.parametrize(
    ("text", "is_noun"),
    [
        ("COUNT files, SIZE MB", True),
        ("COUNT of TOTAL files are sent.", True),
        ("TOTAL में से COUNT फ़ाइलें", True),
        ("Files that are sent: COUNT of TOTAL.", False),
        ("फ़ाइलें: TOTAL में से COUNT।", False),
    ],
)
def test_a_counted_noun_would_be_found(text: str, is_noun: bool) -> None:
    assert counts_a_noun(text) == is_noun
