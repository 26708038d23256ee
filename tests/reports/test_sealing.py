"""Seals: what breaks them, what does not, and what is no report at all."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_app.reports import sealing

KEY = sealing.key_from("a secret of this test")
REPORT: dict[str, Any] = {
    "format": sealing.FORMAT,
    "version": sealing.VERSION,
    "findings": {"fake_probability": 0.7250000001, "faces": [{"id": 1, "box": [1, 2, 3, 4]}], "reason": None},
    "file": {"name": "Straße ☂.mp4"},
}


def test_an_unchanged_report_holds_whatever_its_layout() -> None:
    content = sealing.sealed(REPORT, KEY)
    checked = sealing.check(content)
    assert checked.is_unchanged
    assert checked.report == REPORT
    assert checked.public_key == sealing.public_text(KEY)
    whole = json.loads(content)
    turned = {"signature": whole["signature"], "report": dict(reversed(whole["report"].items()))}
    assert sealing.check(json.dumps(turned, separators=(",", ":")).encode()).is_unchanged
    assert sealing.check(json.dumps(turned, ensure_ascii=True, indent=7).encode()).is_unchanged


def test_a_changed_digit_breaks_the_seal() -> None:
    content = sealing.sealed(REPORT, KEY)
    assert not sealing.check(content.replace(b"0.7250000001", b"0.7250000002")).is_unchanged
    assert not sealing.check(content.replace("Straße".encode(), b"Strasse")).is_unchanged


@given(st.data())
def test_no_digit_of_the_report_can_be_changed(data: st.DataObject) -> None:
    content = sealing.sealed(REPORT, KEY)
    end = content.index(b'"signature"')
    digits = [place for place in range(end) if chr(content[place]).isdigit()]
    place = data.draw(st.sampled_from(digits))
    other = data.draw(st.sampled_from([d for d in b"0123456789" if d != content[place]]))
    changed = content[:place] + bytes([other]) + content[place + 1 :]
    with suppress(sealing.NoReport):  # where it is the digit of the version
        assert not sealing.check(changed).is_unchanged


def test_another_key_is_told_and_the_same_secret_gives_the_same() -> None:
    other = sealing.key_from("another secret")
    assert sealing.public_text(other) != sealing.public_text(KEY)
    assert sealing.public_text(sealing.key_from("a secret of this test")) == sealing.public_text(KEY)
    assert sealing.check(sealing.sealed(REPORT, other)).public_key == sealing.public_text(other)
    assert len(base64.b64decode(sealing.public_text(KEY))) == 32
    assert len(sealing.fingerprint(sealing.public_text(KEY))) == 19


def test_a_signature_of_another_report_does_not_fit() -> None:
    one, other = (json.loads(sealing.sealed(REPORT | {"made_at": day}, KEY)) for day in ("Monday", "Tuesday"))
    assert not sealing.check(json.dumps(one | {"signature": other["signature"]}).encode()).is_unchanged


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no report"),
        (b"\xff\xd8\xff\xe0 a picture", "no report"),
        (b"[]", "no report"),
        (b'{"report": {}, "signature": {}}', "no report"),
        (b'{"report": {"format": "a cake recipe"}, "signature": {}}', "a cake recipe"),
        (b"[" * 100_000, "no report"),
        (sealing.sealed(REPORT | {"version": 9}, KEY), "another version"),
        (sealing.sealed(REPORT, KEY).replace(b'"public_key": "', b'"public_key": "!'), "no report"),
        (b" " * (sealing.MOST_BYTES + 1), "at most"),
    ],
)
def test_what_is_no_report_is_said(content: bytes, why: str) -> None:
    with pytest.raises(sealing.NoReport, match=why):
        sealing.check(content)


def test_a_key_of_a_wrong_length_is_no_valid_seal() -> None:
    whole = json.loads(sealing.sealed(REPORT, KEY))
    whole["signature"]["public_key"] = base64.b64encode(b"short").decode()
    assert not sealing.check(json.dumps(whole).encode()).is_unchanged
