"""Figures of this installation for Prometheus, read from the rows: the same whichever process is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from ml_app.models import Scan, Worker
from ml_app.services.detectors import detector_state
from ml_app.services.health import free_bytes, readiness

WINDOW = timedelta(hours=1)  # what "recent" means below
NEWEST = 500  # and at most so many of its scans
ENDED_SECONDS = 60  # for so long the number of scans that have ended is not counted again
STAGES = ("decode", "faces", "network", "explain", "total")


def metrics_text() -> bytes:
    """All figures in Prometheus' text format, UTF-8."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures())
    return generate_latest(registry)


class _Figures:
    def collect(self) -> Iterator[Metric]:
        yield _scans()
        yield from _queue()
        yield from _recent()
        yield _gauge(
            "deepfake_workers", "Workers heard of in the last minute", Worker.objects.alive().count()
        )
        yield _gauge("deepfake_disk_free_bytes", "Room for uploads", free_bytes())
        ready = GaugeMetricFamily("deepfake_ready", "1 if /readyz finds the part well", labels=["part"])
        for name, part in readiness().parts.items():
            ready.add_metric([name], part.ok)
        yield ready
        state = detector_state()
        about = {"name": state.name, "version": state.version, "available": str(state.available).lower()}
        yield InfoMetricFamily("deepfake_model", "The detector in use", about)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _scans() -> Metric:
    family = GaugeMetricFamily("deepfake_scans", "Scans by state", labels=["state"])
    active = dict(Scan.objects.of_people().active().order_by().values_list("status").annotate(Count("pk")))
    counts = active | _ended(int(time.monotonic() // ENDED_SECONDS))
    for status in Scan.Status.values:
        family.add_metric([status], counts.get(status, 0))
    return family


@lru_cache(maxsize=1)
def _ended(minute: int) -> dict[str, int]:
    """Those that have ended, which takes a second where there are millions: counted once a minute."""
    rows = Scan.objects.of_people().filter(status__in=Scan.TERMINAL).order_by()
    return dict(rows.values_list("status").annotate(Count("pk")))


def _queue() -> Iterator[Metric]:
    length = GaugeMetricFamily("deepfake_queue_length", "Scans that wait", labels=["queue"])
    oldest = GaugeMetricFamily(
        "deepfake_queue_oldest_seconds", "Age of the one that waits longest, or 0", labels=["queue"]
    )
    for queue in Scan.Queue.values:
        waiting = Scan.objects.of_people().waiting(queue).aggregate(n=Count("pk"), since=Min("created_at"))
        age = (timezone.now() - waiting["since"]).total_seconds() if waiting["since"] else 0.0
        length.add_metric([queue], waiting["n"])
        oldest.add_metric([queue], max(0.0, age))
    yield length
    yield oldest


def _recent() -> Iterator[Metric]:
    since = timezone.now() - WINDOW
    recent = Scan.objects.of_people().filter(finished_at__gte=since)
    done = recent.filter(status=Scan.Status.DONE).order_by("-finished_at")
    seconds = list(done.values_list("seconds", flat=True)[:NEWEST])
    stages = GaugeMetricFamily(
        "deepfake_stage_seconds",
        "Seconds by stage of the scans done in the last hour (the newest 500): median and 95th percentile",
        labels=["stage", "quantile"],
    )
    for stage in STAGES:
        values = sorted(float(row[stage]) for row in seconds if stage in row)
        if values:
            for quantile in (0.5, 0.95):
                at = min(len(values) - 1, int(quantile * len(values)))
                stages.add_metric([stage, str(quantile)], values[at])
    yield stages
    yield _gauge("deepfake_recent_done", "Scans done in the last hour", done.count())
    failures = GaugeMetricFamily(
        "deepfake_recent_failures", "Scans that failed in the last hour, by error", labels=["code"]
    )
    failed = recent.filter(status=Scan.Status.FAILED).order_by()
    for code, number in failed.values_list("error_code").annotate(Count("pk")):
        failures.add_metric([code], number)
    yield failures
