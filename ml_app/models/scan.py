"""Scans: the analyses of videos, and what a row may become, as single statements that the database decides.

Each change of a scan's state is one conditional UPDATE: of two processes that try, one changes a row and the
other is told False. A worker proves that a scan is still its own by the name it claimed it under, which is
new for every attempt; whoever takes the scan away clears that name.
"""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ml_app.models.days import in_days
from ml_app.models.probability import PROBABILITY, in_unit_interval
from ml_app.models.states import FETCHED, Queue, Status
from ml_app.models.team import Team
from ml_app.models.verdicts import Evidence, Verdict
from ml_app.models.video import EXAMPLE, Video

_BEGINNING = {"stage": "", "progress_done": 0, "progress_total": 0}
_UNCLAIMED = {"worker": "", "lease_expires_at": None}


class ScanQuerySet(models.QuerySet["Scan"]):
    """Scans."""

    def matching(
        self,
        *,
        name: str = "",
        verdict: str = "",
        kind: str = "",
        status: str = "",
        since: date | None = None,
        until: date | None = None,
    ) -> ScanQuerySet:
        """Those with these properties; days, both inclusive, are those of the current time zone."""
        found = self.filter(video__original_name__icontains=name) if name else self
        found = found.filter(verdict=verdict) if verdict else found
        found = found.filter(video__kind=kind) if kind else found
        found = found.filter(status=status) if status else found
        return found.filter(in_days("created_at", since, until))

    def of_people(self) -> ScanQuerySet:
        """Those that somebody ordered of something of their own: all but the example's."""
        return self.exclude(owner=EXAMPLE)

    def active(self) -> ScanQuerySet:
        """Those that wait or are being analysed."""
        return self.filter(status__in=[Status.QUEUED, Status.RUNNING])

    def waiting(self, queue: str = "") -> ScanQuerySet:
        """Those that nobody has begun, of one queue or of all, the oldest first."""
        found = self.filter(status=Status.QUEUED).order_by("created_at")
        return found.filter(queue=queue) if queue else found

    def ahead_of(self, scan: Scan) -> ScanQuerySet:
        """Those that a waiting scan waits for: what was ordered earlier, and for a batch every visitor."""
        earlier = Q(created_at__lt=scan.created_at)
        if scan.queue in FETCHED:
            return self.waiting(scan.queue).filter(earlier)
        if scan.queue == Queue.INTERACTIVE:
            return self.active().filter(earlier, Q(status=Status.RUNNING) | Q(queue=Queue.INTERACTIVE))
        return self.active().filter(earlier | Q(queue=Queue.INTERACTIVE))

    def expired(self) -> ScanQuerySet:
        """Those whose worker was not heard of for longer than its lease."""
        return self.filter(status=Status.RUNNING, lease_expires_at__lt=timezone.now())

    def held_by(self, scan_id: UUID | str, worker: str) -> ScanQuerySet:
        """The scan, if this worker still holds it; nothing otherwise."""
        return self.filter(pk=scan_id, status=Status.RUNNING, worker=worker)

    def claim(self, scan_id: UUID | str, *, worker: str, lease: timedelta) -> bool:
        """A worker begins an attempt. False: the scan does not wait, or another was faster."""
        now = timezone.now()
        return self.filter(pk=scan_id, status=Status.QUEUED)._change(
            status=Status.RUNNING,
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

    def hand_over(self, scan_id: UUID | str, worker: str, *, video: Video, queue: str) -> bool:
        """The file of a link was fetched: now the scan waits for its analysis, all attempts before it."""
        return self.held_by(scan_id, worker)._change(
            status=Status.QUEUED,
            video=video,
            queue=queue,
            attempts=0,
            started_at=None,
            **({"frame_count": 1} if video.is_picture else {}),
            **_BEGINNING,
            **_UNCLAIMED,
        )

    def release(self, scan_id: UUID | str, worker: str) -> bool:
        """The worker gives the scan back because it was told to stop; the attempt does not count."""
        return self.held_by(scan_id, worker)._change(
            status=Status.QUEUED, attempts=F("attempts") - 1, started_at=None, **_BEGINNING, **_UNCLAIMED
        )

    def finish(self, scan_id: UUID | str, worker: str, **result: Any) -> bool:
        """The scan is done, with what it found."""
        return self.held_by(scan_id, worker)._change(
            status=Status.DONE, finished_at=timezone.now(), cancel_requested=False, **_UNCLAIMED, **result
        )

    def fail(self, scan_id: UUID | str, worker: str, *, code: str, detail: str) -> bool:
        """The worker found a reason that another attempt would find again."""
        return self.held_by(scan_id, worker)._change(
            status=Status.FAILED,
            error_code=code,
            error_detail=detail,
            finished_at=timezone.now(),
            **_UNCLAIMED,
        )

    def end_cancelled(self, scan_id: UUID | str, worker: str) -> bool:
        """The worker has stopped as it was asked to."""
        return self.held_by(scan_id, worker)._change(
            status=Status.CANCELLED, finished_at=timezone.now(), **_UNCLAIMED
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
                When(cancelled, then=Value(Status.CANCELLED)),
                When(spent, then=Value(Status.FAILED)),
                default=Value(Status.QUEUED),
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
        return self.filter(pk=scan_id, status=Status.QUEUED)._change(
            status=Status.CANCELLED, cancel_requested=True, finished_at=timezone.now()
        )

    def request_cancel(self, scan_id: UUID | str) -> bool:
        """The worker that analyses the scan is asked to stop. False: it is not running."""
        return self.filter(pk=scan_id, status=Status.RUNNING)._change(cancel_requested=True)

    def _change(self, **values: Any) -> bool:
        return self.update(**values) == 1


class Scan(models.Model):
    """One analysis of a video with one detector and one frame count, and with opinions of others if asked."""

    Status = Status
    Queue = Queue
    ACTIVE = (Status.QUEUED, Status.RUNNING)
    TERMINAL = (Status.DONE, Status.FAILED, Status.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    video = models.ForeignKey(Video, models.CASCADE, related_name="scans", verbose_name=_("video"))
    owner = models.CharField(
        _("owner"), max_length=64, help_text=_("the video's, or the teammate's who ordered it")
    )
    team = models.ForeignKey(  # the video's, too; the index "scan_team_history" begins with it
        Team, models.PROTECT, null=True, blank=True, related_name="scans", db_index=False
    )
    frame_count = models.PositiveSmallIntegerField(_("frames to read"))

    # Which detector
    detector_name = models.CharField(_("detector"), max_length=64)
    also = models.CharField(  # as `others` lists them, with commas between
        _("detectors asked as well"), max_length=255, blank=True, default="", db_default=""
    )
    detector_version = models.CharField(_("detector version"), max_length=64, blank=True)
    detector_architecture = models.CharField(_("architecture"), max_length=64, blank=True)
    detector_frame_count = models.PositiveSmallIntegerField(
        _("frames the checkpoint was made for"), null=True, blank=True
    )
    detector_sha256 = models.CharField(_("SHA-256 of the checkpoint"), max_length=64, blank=True)

    # Where it stands
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.QUEUED)
    queue = models.CharField(
        _("queue"), max_length=12, choices=Queue, default="interactive", db_default="interactive"
    )
    stage = models.CharField(_("stage"), max_length=16, blank=True)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    worker = models.CharField(_("worker"), max_length=128, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    error_code = models.CharField(_("error"), max_length=64, blank=True)
    error_detail = models.TextField(_("error detail"), blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    # What was found
    verdict = models.CharField(_("verdict"), max_length=16, choices=Verdict.choices, blank=True)
    reason = models.CharField(_("reason"), max_length=32, blank=True)
    evidence = models.CharField(_("evidence"), max_length=16, choices=Evidence.choices, blank=True)
    fake_probability = models.FloatField(
        _("probability of manipulation"), null=True, blank=True, validators=PROBABILITY
    )
    threshold = models.FloatField(null=True, blank=True, validators=PROBABILITY)
    uncertain_low = models.FloatField(null=True, blank=True, validators=PROBABILITY)
    uncertain_high = models.FloatField(null=True, blank=True, validators=PROBABILITY)
    frames_analysed = models.PositiveIntegerField(_("frames analysed"), null=True, blank=True)
    frames_with_faces = models.PositiveIntegerField(_("frames with faces"), null=True, blank=True)
    notes = models.JSONField(_("notes"), default=list, blank=True)
    provenance = models.JSONField(_("provenance"), default=dict, blank=True)  # `provenance.findings` as JSON
    device = models.CharField(_("device"), max_length=64, blank=True)
    seconds = models.JSONField(_("seconds by stage"), default=dict, blank=True)

    objects: ClassVar[ScanQuerySet] = ScanQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("scan")
        verbose_name_plural = _("scans")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="scan_history"),
            models.Index(fields=["owner", "verdict", "-created_at"], name="scan_history_by_verdict"),
            models.Index(fields=["owner", "status", "-created_at"], name="scan_history_by_status"),
            models.Index(fields=["team", "-created_at"], name="scan_team_history"),
            models.Index(fields=["team", "verdict", "-created_at"], name="scan_team_by_verdict"),
            models.Index(fields=["team", "status", "-created_at"], name="scan_team_by_status"),
            models.Index(fields=["-created_at"], name="scan_newest"),
            models.Index(fields=["lease_expires_at"], condition=Q(status="running"), name="scan_leases"),
            models.Index(fields=["queue", "created_at"], condition=Q(status="queued"), name="scan_waiting"),
            models.Index(fields=["status", "-finished_at"], name="scan_ended"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["video", "detector_name", "also", "frame_count"],
                condition=Q(status__in=["queued", "running"]),
                name="scan_one_active",
            ),
            models.CheckConstraint(
                condition=in_unit_interval("fake_probability"), name="scan_probability_in_unit_interval"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["done", "failed", "cancelled"], finished_at__isnull=False)
                | Q(status__in=["queued", "running"], finished_at__isnull=True),
                name="scan_finished_at_exactly_when_terminal",
            ),
            models.CheckConstraint(
                condition=Q(status="done") & ~Q(verdict="") | ~Q(status="done") & Q(verdict=""),
                name="scan_verdict_exactly_when_done",
            ),
            models.CheckConstraint(
                condition=Q(status="running", lease_expires_at__isnull=False)
                | ~Q(status="running") & Q(lease_expires_at__isnull=True),
                name="scan_lease_exactly_when_running",
            ),
            models.CheckConstraint(condition=Q(frame_count__gte=1), name="scan_frame_count_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.video} · {self.frame_count} · {self.get_status_display()}"

    @property
    def others(self) -> list[str]:
        """The names of the detectors that are asked as well."""
        return [name for name in self.also.split(",") if name]

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE

    @property
    def is_example(self) -> bool:
        """Whether it is the example, which everybody may look at and nobody change."""
        return self.owner == EXAMPLE
