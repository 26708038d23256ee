"""What rows may become, as single statements that the database decides.

Each change of a scan's state is one conditional UPDATE: of two processes that try, one changes a row and the
other is told False. A worker proves that a scan is still its own by the name it claimed it under, which is
new for every attempt; whoever takes the scan away clears that name.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

if TYPE_CHECKING:
    from ml_app.models import Scan, Video  # noqa: F401 - named in the generics below

QUEUED, RUNNING, FAILED, CANCELLED = "queued", "running", "failed", "cancelled"  # of models.Scan.Status
_BEGINNING = {"stage": "", "progress_done": 0, "progress_total": 0}
_UNCLAIMED = {"worker": "", "lease_expires_at": None}


class VideoQuerySet(models.QuerySet["Video"]):
    """Videos."""

    def visible_to(self, *, owner: str, is_staff: bool = False) -> VideoQuerySet:
        """Those that a person may see: their own, or all for staff."""
        return self.all() if is_staff else self.filter(owner=owner)


class ScanQuerySet(models.QuerySet["Scan"]):
    """Scans."""

    def visible_to(self, *, owner: str, is_staff: bool = False) -> ScanQuerySet:
        """Those that a person may see: their own, or all for staff."""
        return self.all() if is_staff else self.filter(owner=owner)

    def history(self, owner: str) -> ScanQuerySet:
        """One's own scans, newest first, each with its video."""
        return self.filter(owner=owner).order_by("-created_at").select_related("video")

    def active(self) -> ScanQuerySet:
        """Those that wait or are being analysed."""
        return self.filter(status__in=[QUEUED, RUNNING])

    def held_by(self, scan_id: UUID | str, worker: str) -> ScanQuerySet:
        """The scan, if this worker still holds it; nothing otherwise."""
        return self.filter(pk=scan_id, status=RUNNING, worker=worker)

    def claim(self, scan_id: UUID | str, *, worker: str, lease: timedelta) -> bool:
        """A worker begins an attempt. False: the scan does not wait, or another was faster."""
        now = timezone.now()
        changed = self.filter(pk=scan_id, status=QUEUED).update(
            status=RUNNING,
            worker=worker,
            lease_expires_at=now + lease,
            attempts=F("attempts") + 1,
            started_at=now,
            **_BEGINNING,
        )
        return changed == 1

    def renew(self, scan_id: UUID | str, *, worker: str, lease: timedelta) -> bool:
        """The worker is alive. False: the scan is no longer its own."""
        return self.held_by(scan_id, worker).update(lease_expires_at=timezone.now() + lease) == 1

    def report(self, scan_id: UUID | str, *, worker: str, stage: str, done: int, total: int) -> bool:
        """How far the worker has come. False: the scan is no longer its own."""
        return (
            self.held_by(scan_id, worker).update(stage=stage, progress_done=done, progress_total=total) == 1
        )

    def release(self, scan_id: UUID | str, *, worker: str) -> bool:
        """The worker gives the scan back because it was told to stop; the attempt does not count."""
        return (
            self.held_by(scan_id, worker)
            .filter(cancel_requested=False)
            .update(status=QUEUED, attempts=F("attempts") - 1, started_at=None, **_BEGINNING, **_UNCLAIMED)
            == 1
        )

    def fail(self, scan_id: UUID | str, *, worker: str, code: str, detail: str) -> bool:
        """The worker found a reason that another attempt would find again."""
        return (
            self.held_by(scan_id, worker).update(
                status=FAILED,
                error_code=code,
                error_detail=detail,
                finished_at=timezone.now(),
                **_UNCLAIMED,
            )
            == 1
        )

    def give_up(self, *, max_attempts: int, code: str, detail: str) -> int:
        """End an attempt that came to nothing: queue the scan again, or end it.

        One that was to be cancelled is cancelled; one that has had its attempts has failed.
        """
        cancelled = Q(cancel_requested=True)
        spent = Q(attempts__gte=max_attempts)
        ends = cancelled | spent
        failed = spent & ~cancelled
        return self.filter(status=RUNNING).update(
            status=Case(
                When(cancelled, then=Value(CANCELLED)), When(spent, then=Value(FAILED)), default=Value(QUEUED)
            ),
            finished_at=Case(When(ends, then=Value(timezone.now())), output_field=models.DateTimeField()),
            error_code=Case(When(failed, then=Value(code)), default=Value("")),
            error_detail=Case(When(failed, then=Value(detail)), default=Value("")),
            **_BEGINNING,
            **_UNCLAIMED,
        )

    def cancel_waiting(self, scan_id: UUID | str) -> bool:
        """A scan that nobody has begun is cancelled at once."""
        changed = self.filter(pk=scan_id, status=QUEUED).update(
            status=CANCELLED, cancel_requested=True, finished_at=timezone.now()
        )
        return changed == 1

    def request_cancel(self, scan_id: UUID | str) -> bool:
        """The worker that analyses the scan is asked to stop."""
        return self.filter(pk=scan_id, status=RUNNING).update(cancel_requested=True) == 1

    def cancelled_by(self, scan_id: UUID | str, *, worker: str) -> bool:
        """The worker has stopped as it was asked to."""
        changed = self.held_by(scan_id, worker).update(
            status=CANCELLED, finished_at=timezone.now(), **_UNCLAIMED
        )
        return changed == 1

    def expired(self, now: datetime | None = None) -> ScanQuerySet:
        """Those whose worker was not heard of for longer than its lease."""
        return self.filter(status=RUNNING, lease_expires_at__lt=now or timezone.now())
