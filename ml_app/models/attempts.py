"""Rows that something is tried for until it succeeds or is given up: when, how often, and by one worker each.

Such a row has `next_at` (None once it ended), `attempts` and `created_at`.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import F
from django.utils import timezone

Row = TypeVar("Row", bound=models.Model)


class AttemptQuerySet(models.QuerySet[Row]):
    """Rows that are tried again."""

    def due(self) -> Self:
        """Those whose next attempt is to begin now, the oldest first."""
        return self.filter(next_at__lte=timezone.now()).order_by("next_at")

    def claim(self, pk: uuid.UUID | str, *, lease: timedelta) -> bool:
        """Begin an attempt. False: it is not due, or another worker was faster."""
        changed = self.due().order_by().filter(pk=pk)
        return changed.update(next_at=timezone.now() + lease, attempts=F("attempts") + 1) == 1

    def end(self, pk: uuid.UUID | str, attempts: int, **values: Any) -> bool:
        """Change the attempt of this number. False: it was taken over meanwhile."""
        return self.filter(pk=pk, attempts=attempts, next_at__isnull=False).update(**values) == 1

    def older_than(self, moment: datetime) -> Self:
        """Those that ended, and were made before."""
        return self.filter(next_at__isnull=True, created_at__lt=moment)
