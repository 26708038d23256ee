"""A file that a process touches now and then, by which a container's health check sees that it lives."""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings

logger = logging.getLogger(__name__)


def pulse_file(name: str) -> Path:
    """The file of a kind of process: "worker" or "sweeper"."""
    return Path(settings.DATA_DIR) / f"{name}.alive"


def show_life(name: str) -> None:
    """Touch the file. What cannot be written is logged and does no harm: the check will notice."""
    try:
        pulse_file(name).touch()
    except OSError as error:
        logger.warning("%s cannot be written: %s", pulse_file(name), error.strerror)
