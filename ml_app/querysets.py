"""What rows may become, as single statements that the database decides.

Each change of a scan's state is one conditional UPDATE: of two processes that try, one changes a row and the
other is told False. A worker proves that a scan is still its own by the name it claimed it under, which is
new for every attempt; whoever takes the scan away clears that name.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

if TYPE_CHECKING:
    from ml_app.models import Scan, Video  # noqa: F401 - named in the generics below

# Of models.Scan.Status, which this module cannot import
QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
INTERACTIVE = "interactive"  # of models.Scan.Queue
_BEGINNING = {"stage": "", "progress_done": 0, "progress_total": 0}
_UNCLAIMED = {"worker": "", "lease_expires_at": None}


def _midnight(day: date, *, days: int = 0) -> datetime:
    """The beginning of a day, or of one some days later. The calendar's ends stay where they are."""
    try:
        return timezone.make_aware(datetime.combine(day + timedelta(days=days), time.min))
    except OverflowError:
        return timezone.make_aware(datetime(day.year, 1, 2))


class VideoQuerySet(models.QuerySet["Video"]):
    """Videos."""

    def visible_to(self, *, owner: str, is_staff: bool = False) -> VideoQuerySet:
        """Those that a person may see: their own, or all for staff."""
        return self.all() if is_staff else self.filter(owner=owner)

    def idle_since(self, moment: datetime) -> VideoQuerySet:
        """Those uploaded before, of which no scan waits or runs just now, the oldest first."""
        found = self.filter(uploaded_at__lt=moment).exclude(scans__status__in=[QUEUED, RUNNING])
        return found.order_by("uploaded_at")

    def with_media_before(self, moment: datetime) -> VideoQuerySet:
        """Of those, the ones whose files are still kept."""
        return self.idle_since(moment).exclude(file="")

    def forgotten_since(self, moment: datetime) -> VideoQuerySet:
        """Of those, the ones with which nothing was done since, and that nobody has reviewed."""
        found = self.idle_since(moment).exclude(scans__created_at__gte=moment)
        return found.exclude(scans__reviews__isnull=False)


class ScanQuerySet(models.QuerySet["Scan"]):
    """Scans."""

    def visible_to(self, *, owner: str, is_staff: bool = False) -> ScanQuerySet:
        """Those that a person may see: their own, or all for staff."""
        return self.all() if is_staff else self.filter(owner=owner)

    def history(self, owner: str) -> ScanQuerySet:
        """One's own scans, newest first, each with its video."""
        return self.filter(owner=owner).order_by("-created_at").select_related("video")

    def matching(
        self,
        *,
        name: str = "",
        verdict: str = "",
        status: str = "",
        since: date | None = None,
        until: date | None = None,
    ) -> ScanQuerySet:
        """Those with these properties; days, both inclusive, are those of the current time zone."""
        found = self.filter(video__original_name__icontains=name) if name else self
        found = found.filter(verdict=verdict) if verdict else found
        found = found.filter(status=status) if status else found
        found = found.filter(created_at__gte=_midnight(since)) if since else found
        return found.filter(created_at__lt=_midnight(until, days=1)) if until else found

    def active(self) -> ScanQuerySet:
        """Those that wait or are being analysed."""
        return self.filter(status__in=[QUEUED, RUNNING])

    def waiting(self, queue: str = "") -> ScanQuerySet:
        """Those that nobody has begun, of one queue or of all, the oldest first."""
        found = self.filter(status=QUEUED).order_by("created_at")
        return found.filter(queue=queue) if queue else found

    def ahead_of(self, scan: Scan) -> ScanQuerySet:
        """Those that a waiting scan waits for: what was ordered earlier, and for a batch every visitor."""
        earlier = Q(created_at__lt=scan.created_at)
        if scan.queue == INTERACTIVE:
            return self.active().filter(earlier, Q(status=RUNNING) | Q(queue=INTERACTIVE))
        return self.active().filter(earlier | Q(queue=INTERACTIVE))

    def expired(self) -> ScanQuerySet:
        """Those whose worker was not heard of for longer than its lease."""
        return self.filter(status=RUNNING, lease_expires_at__lt=timezone.now())

    def held_by(self, scan_id: UUID | str, worker: str) -> ScanQuerySet:
        """The scan, if this worker still holds it; nothing otherwise."""
        return self.filter(pk=scan_id, status=RUNNING, worker=worker)

    def claim(self, scan_id: UUID | str, *, worker: str, lease: timedelta) -> bool:
        """A worker begins an attempt. False: the scan does not wait, or another was faster."""
        now = timezone.now()
        return self.filter(pk=scan_id, status=QUEUED)._change(
            status=RUNNING,
            worker=worker,
            lease_expires_at=now + lease,
            attempts=F("attempts") + 1,
            started_at=now,
            **_BEGINNING,
        )

    # What follows is True if the scan was still this worker's, and changes nothing otherwise.

    def renew(self, scan_id: UUID | str, worker: str, *, lease: timedelta) -> bool:
        """The worker is alive."""
        return self.held_by(scan_id, worker)._change(lease_expires_at=timezone.now() + lease)

    def report(self, scan_id: UUID | str, worker: str, *, stage: str, done: int, total: int) -> bool:
        """How far the worker has come."""
        return self.held_by(scan_id, worker)._change(stage=stage, progress_done=done, progress_total=total)

    def release(self, scan_id: UUID | str, worker: str) -> bool:
        """The worker gives the scan back because it was told to stop; the attempt does not count."""
        return self.held_by(scan_id, worker)._change(
            status=QUEUED, attempts=F("attempts") - 1, started_at=None, **_BEGINNING, **_UNCLAIMED
        )

    def finish(self, scan_id: UUID | str, worker: str, **result: Any) -> bool:
        """The scan is done, with what it found."""
        return self.held_by(scan_id, worker)._change(
            status=DONE, finished_at=timezone.now(), cancel_requested=False, **_UNCLAIMED, **result
        )

    def fail(self, scan_id: UUID | str, worker: str, *, code: str, detail: str) -> bool:
        """The worker found a reason that another attempt would find again."""
        return self.held_by(scan_id, worker)._change(
            status=FAILED, error_code=code, error_detail=detail, finished_at=timezone.now(), **_UNCLAIMED
        )

    def end_cancelled(self, scan_id: UUID | str, worker: str) -> bool:
        """The worker has stopped as it was asked to."""
        return self.held_by(scan_id, worker)._change(
            status=CANCELLED, finished_at=timezone.now(), **_UNCLAIMED
        )

    def give_up(self, scan_id: UUID | str, worker: str, *, max_attempts: int, code: str, detail: str) -> bool:
        """End an attempt that came to nothing: queue the scan again, or end it.

        One that was to be cancelled is cancelled; one that has had its attempts has failed, with `code`.
        """
        cancelled = Q(cancel_requested=True)
        spent = Q(attempts__gte=max_attempts)
        failed = spent & ~cancelled
        return self.held_by(scan_id, worker)._change(
            status=Case(
                When(cancelled, then=Value(CANCELLED)), When(spent, then=Value(FAILED)), default=Value(QUEUED)
            ),
            finished_at=Case(
                When(cancelled | spent, then=Value(timezone.now())), output_field=models.DateTimeField()
            ),
            error_code=Case(When(failed, then=Value(code)), default=Value("")),
            error_detail=Case(When(failed, then=Value(detail)), default=Value("")),
            **_UNCLAIMED,
        )

    # Cancelling, by people

    def cancel_waiting(self, scan_id: UUID | str) -> bool:
        """A scan that nobody has begun is cancelled at once. False: it does not wait."""
        return self.filter(pk=scan_id, status=QUEUED)._change(
            status=CANCELLED, cancel_requested=True, finished_at=timezone.now()
        )

    def request_cancel(self, scan_id: UUID | str) -> bool:
        """The worker that analyses the scan is asked to stop. False: it is not running."""
        return self.filter(pk=scan_id, status=RUNNING)._change(cancel_requested=True)

    def _change(self, **values: Any) -> bool:
        return self.update(**values) == 1
