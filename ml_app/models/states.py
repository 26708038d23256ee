"""What a scan can be: waiting, running, ended, and in which queue."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """Where a scan stands."""

    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Being analysed")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Queue(models.TextChoices):
    """Where a scan waits."""

    INTERACTIVE = "interactive", _("somebody waits for it")
    BATCH = "batch", _("one of many")
    LINK = "link", _("its video is being fetched")
    BATCH_LINK = "batch_link", _("one of many whose videos are being fetched")


FETCHED = (Queue.LINK, Queue.BATCH_LINK)  # those whose videos come from elsewhere; no broker has them
