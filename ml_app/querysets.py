"""What rows may become, as single statements that the database decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from ml_app.models import Scan, Video  # noqa: F401 - named in the generics below


class VideoQuerySet(models.QuerySet["Video"]):
    """Videos."""


class ScanQuerySet(models.QuerySet["Scan"]):
    """Scans."""
