"""Where a file says that it comes from, read by the site's settings."""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings

from ml_app.detection.findings import Kind, VideoInfo
from ml_app.provenance.findings import Provenance
from ml_app.provenance.reading import read_provenance

logger = logging.getLogger(__name__)


def trust_list() -> str:
    """The certificates that signers are validated against, in PEM; empty where no list is set or readable."""
    if not settings.C2PA_TRUST_LIST:
        return ""
    try:
        return Path(settings.C2PA_TRUST_LIST).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        logger.error("C2PA_TRUST_LIST cannot be read: %s", type(error).__name__)
        return ""


def provenance_of(path: Path, info: VideoInfo) -> Provenance:
    """What a file says of where it comes from. Nothing in it raises, or touches a verdict.

    Args:
        path: The file as it was uploaded: a signature covers every byte.
        info: What the detector was told of it.
    """
    return read_provenance(
        path, trust_list=trust_list(), said=info.file_says, is_video=info.kind is Kind.VIDEO
    )
