"""The seal of a PDF report: every byte of its pages, fonts and attachment, signed with the key of the JSON.

The signature is a comment of the file, between the last object and `startxref`, where nothing is moved by it
and no reader minds: `%deepfake-detector-seal BASE64`. Signed is the file without that line. Knows no Django.
"""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_PURPOSE = b"deepfake-detector: PDF report, version 1\n"
_TAIL = re.compile(rb"%deepfake-detector-seal ([A-Za-z0-9+/]{86}==)\n(startxref\s+\d+\s+%%EOF\s*)\Z")
_END = re.compile(rb"startxref\s+\d+\s+%%EOF\s*\Z")
_LONGEST_TAIL = 400  # bytes


def is_pdf(content: bytes) -> bool:
    """Whether a file says that it is a PDF."""
    return content.startswith(b"%PDF-")


def sealed(content: bytes, key: Ed25519PrivateKey) -> bytes:
    """Seal a finished PDF.

    Raises:
        ValueError: It does not end as a PDF does.
    """
    found = _END.search(content, max(0, len(content) - _LONGEST_TAIL))
    if found is None:
        raise ValueError("this file does not end with startxref and %%EOF")
    value = base64.b64encode(key.sign(_PURPOSE + content))
    return content[: found.start()] + b"%deepfake-detector-seal " + value + b"\n" + content[found.start() :]


def holds(content: bytes, public_key: str) -> bool:
    """Whether no byte of a PDF was changed since it was sealed with the key (base64 of 32 bytes)."""
    found = _TAIL.search(content, max(0, len(content) - _LONGEST_TAIL))
    if found is None:
        return False
    signed = content[: found.start()] + found[2]
    try:
        known = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
        known.verify(base64.b64decode(found[1]), _PURPOSE + signed)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
