"""The workers that were seen: a row for each process, which says again and again that it lives."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.utils import timezone

SEEN_SECONDS = 60.0  # a worker that was silent for longer is taken for gone
FORGOTTEN = timedelta(days=1)  # and after so long its row is deleted


class WorkerQuerySet(models.QuerySet["Worker"]):
    """Workers."""

    def alive(self) -> WorkerQuerySet:
        """Those that were heard of in the last minute."""
        return self.filter(seen_at__gte=timezone.now() - timedelta(seconds=SEEN_SECONDS))

    def beat(self, name: str, *, device: str = "") -> None:
        """The worker lives. The first time makes its row."""
        now = timezone.now()
        if not self.filter(pk=name).update(seen_at=now, device=device):
            self.update_or_create(name=name, defaults={"seen_at": now, "device": device})

    def forget(self) -> int:
        """Delete those that were not heard of for a day. Returns how many."""
        return self.filter(seen_at__lt=timezone.now() - FORGOTTEN).delete()[0]


class Worker(models.Model):
    """A process that analyses scans, on this host or another."""

    name = models.CharField(primary_key=True, max_length=128, editable=False)  # host:pid
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_at = models.DateTimeField(editable=False)
    device = models.CharField(max_length=64, blank=True, editable=False)

    objects: ClassVar[WorkerQuerySet] = WorkerQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        app_label = "ml_app"

    def __str__(self) -> str:
        return self.name
