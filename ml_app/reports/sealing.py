"""Seals of reports: an Ed25519 signature (RFC 8032) over the canonical JSON (RFC 8785) of what is reported.

A sealed report is one JSON object: `report`, and beside it `signature` with the algorithm, the public key and
the value in base64. Whoever changes a digit of `report` breaks the seal; layout and order do not count.
Knows no Django and no settings: a report is checked without a site.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FORMAT = "deepfake-detector-report"  # of a scan
BATCH_FORMAT = "deepfake-detector-batch-report"
VERSION = 1
ALGORITHM = "Ed25519 over RFC 8785"
MOST_BYTES = 32_000_000  # of a report: a hundred frames of two dozen persons are two
_PURPOSE = b"deepfake-detector: signs reports, version 1"


class NoReport(ValueError):  # noqa: N818 - reads as what it is
    """These bytes are no sealed report; the message says why."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A report whose seal was looked at: `is_unchanged`, by whose key, and what it says."""

    is_unchanged: bool
    public_key: str  # base64 of 32 bytes
    report: dict[str, Any]

    @property
    def is_batch(self) -> bool:
        """Whether it is about many files instead of one scan."""
        return bool(self.report["format"] == BATCH_FORMAT)


def key_from(secret: str) -> Ed25519PrivateKey:
    """The signing key that follows from a secret, by HKDF (RFC 5869): the same for the same secret."""
    seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)


def public_text(key: Ed25519PrivateKey) -> str:
    """Its public key: base64 of 32 bytes."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def fingerprint(public_key: str) -> str:
    """A public key in short, to be compared by eye: 16 hexadecimal digits of its SHA-256, in fours."""
    digits = hashlib.sha256(base64.b64decode(public_key)).hexdigest()[:16]
    return " ".join(digits[start : start + 4] for start in range(0, 16, 4))


def sealed(report: dict[str, Any], key: Ed25519PrivateKey) -> bytes:
    """Seal a report: UTF-8 JSON, indented for people.

    Raises:
        ValueError: It holds what JSON cannot say, such as an infinite number.
    """
    signature = {
        "algorithm": ALGORITHM,
        "public_key": public_text(key),
        "value": base64.b64encode(key.sign(rfc8785.dumps(report))).decode(),
    }
    whole = {"report": report, "signature": signature}
    return (json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def check(content: bytes) -> Checked:
    """Look at a report's seal.

    Raises:
        NoReport: It is not such a file at all.
    """
    if len(content) > MOST_BYTES:
        raise NoReport(f"this file has {len(content):,} bytes; a report has at most {MOST_BYTES:,}")
    try:
        whole = json.loads(content)
        report, signature = whole["report"], whole["signature"]
        if report["format"] not in (FORMAT, BATCH_FORMAT):
            raise NoReport(f"this file says that it is a {str(report['format'])[:60]!r}, not a {FORMAT!r}")
        if (report["version"], signature["algorithm"]) != (VERSION, ALGORITHM):
            raise NoReport("this report is of another version; check it with the software that made it")
        key = base64.b64decode(signature["public_key"], validate=True)
        value = base64.b64decode(signature["value"], validate=True)
        canonical = rfc8785.dumps(report)
    except NoReport:
        raise
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise NoReport(f"this file is no report of this software ({type(error).__name__})") from error
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(value, canonical)
    except (InvalidSignature, ValueError):
        return Checked(False, signature["public_key"], report)
    return Checked(True, signature["public_key"], report)
