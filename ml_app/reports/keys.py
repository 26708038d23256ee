"""The key that this site signs its reports with."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from ml_app.reports import sealing


def signing_key() -> Ed25519PrivateKey:
    """The site's key: of REPORT_KEY where that is set, else it follows from SECRET_KEY."""
    return sealing.key_from(settings.REPORT_KEY or settings.SECRET_KEY)
