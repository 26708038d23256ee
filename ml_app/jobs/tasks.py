"""What the worker does with the id of a row: the one place that joins the database and the detector."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery import shared_task
from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import close_old_connections

from deepfake_site.logs import about_request, about_scan
from ml_app import services
from ml_app.detection.errors import Cancelled, CheckpointError, DetectionError
from ml_app.detection.findings import Findings
from ml_app.jobs.fetching import Fetcher
from ml_app.jobs.heartbeat import Heartbeat, worker_name
from ml_app.jobs.lease import Watch, lease
from ml_app.jobs.sweeper import sweep
from ml_app.models import FETCHED, Scan
from ml_app.storage import media_files
from ml_app.storage.uploads import disk_is_full

if TYPE_CHECKING:
    from ml_app.detection.ensemble import Ensemble
    from ml_app.detection.runtime.detector import Detector

logger = logging.getLogger(__name__)
_stopping = threading.Event()  # the worker was told to end: give the scan back instead of finishing it
_heartbeat = Heartbeat()
_fetcher = Fetcher()


@shared_task(name=services.ANALYSE, ignore_result=True)
def analyse_scan(scan_id: str) -> None:
    """One attempt at one scan, if it still waits for one."""
    with about_request(analyse_scan.request.get("request_id") or ""), about_scan(scan_id):
        close_old_connections()  # the one of the last task may have died or be too old
        if _stopping.is_set():
            _send_on(scan_id)  # for the next worker: this one took the message on its way out
            return
        worker = f"{worker_name()}:{secrets.token_hex(4)}"
        ready = Scan.objects.exclude(queue__in=FETCHED)
        if not ready.claim(scan_id, worker=worker, lease=lease()):
            logger.info("Does not wait for a worker any more")
            return
        scan = Scan.objects.select_related("video").get(pk=scan_id)
        logger.info("Attempt %d of %d at %d frames", scan.attempts, settings.MAX_ATTEMPTS, scan.frame_count)
        with Watch(scan.pk, worker, _stopping) as watch:
            _attempt(scan, worker, watch)


def _attempt(scan: Scan, worker: str, watch: Watch) -> None:
    try:
        findings, provenance = _analyse(scan, watch)
        close_old_connections()  # the database may have closed a connection that slept through the analysis
        saved = services.save_findings(scan=scan, findings=findings, worker=worker, provenance=provenance)
        if saved:
            logger.info("Done in %.1f s: %s", findings.seconds.total, findings.verdict.value)
        else:
            _lost()
    except Cancelled:
        _stopped(scan, worker, watch)
    except CheckpointError as error:
        _fail(scan, worker, "detector_unavailable", f"{error.code}: {error.message} {error.detail}")
    except DetectionError as error:
        _fail(scan, worker, error.code, error.detail or error.message)
    except FileNotFoundError as error:
        _fail(scan, worker, "unreadable_file", f"{error} is not in the storage")
    except Exception as error:
        logger.exception("The attempt failed")
        code = "disk_full" if disk_is_full(error) else "internal_error"
        _again(scan, worker, code, f"{type(error).__name__}: {error}")


def _analyse(scan: Scan, watch: Watch) -> tuple[Findings, dict[str, Any]]:
    from ml_app.detection.pipeline import analyse  # noqa: PLC0415 - a web process imports this module too

    if not scan.video.file:
        raise DetectionError("media_purged", str(services.scan_errors["media_purged"]))
    with media_files.local_copy(scan.video.file.name) as path:
        findings = analyse(
            path,
            detector(scan.detector_name, scan.frame_count),
            frames=scan.frame_count,
            others=_others(scan),
            limits=services.limits(),
            on_progress=watch.progress,
            cancelled=watch.cancelled,
            found_by=settings.FACE_FINDER,
        )
        return findings, services.provenance_of(path, findings.video).to_json()


def _others(scan: Scan) -> list[Detector]:
    """Those that are asked as well; an ensemble is not one of them, and asks its parts itself."""
    from ml_app.detection.ensemble import Ensemble  # noqa: PLC0415 - as above

    found = [detector(name, scan.frame_count) for name in scan.others]
    return [one for one in found if not isinstance(one, Ensemble)]


def _stopped(scan: Scan, worker: str, watch: Watch) -> None:
    if watch.lost.is_set():
        _lost()
    elif watch.timed_out.is_set():
        _fail(scan, worker, "scan_timeout", f"{settings.MAX_SCAN_MINUTES:g} minutes")
    elif watch.cancel_requested.is_set():
        Scan.objects.end_cancelled(scan.pk, worker)
        logger.info("Cancelled")
    elif Scan.objects.release(scan.pk, worker):
        logger.info("Given back, because this worker stops")
        services.enqueue(scan_id=scan.pk, queue=scan.queue)


def _fail(scan: Scan, worker: str, code: str, detail: str) -> None:
    logger.warning("Failed: %s (%s)", code, detail)
    if not Scan.objects.fail(scan.pk, worker, code=code, detail=detail):
        _lost()


def _again(scan: Scan, worker: str, code: str, detail: str) -> None:
    close_old_connections()
    if not Scan.objects.give_up(
        scan.pk, worker, max_attempts=settings.MAX_ATTEMPTS, code=code, detail=detail
    ):
        _lost()
    elif Scan.objects.filter(pk=scan.pk, status=Scan.Status.QUEUED).exists():
        services.enqueue(scan_id=scan.pk, queue=scan.queue)


def _send_on(scan_id: str) -> None:
    queue = Scan.objects.values_list("queue", flat=True).filter(pk=scan_id).first()
    if queue is not None:
        services.enqueue(scan_id=scan_id, queue=queue)


def _lost() -> None:
    logger.warning("Taken from this worker, which was not heard of in time; what it found is dropped")


def detector(name: str, frames: int) -> Detector | Ensemble:
    """The detector for a frame count, loaded once in each process; again when its manifest has changed."""
    manifest = Path(settings.MODELS_DIR) / name / "manifest.json"
    return _load(name, frames, manifest.stat().st_mtime_ns if manifest.exists() else 0)


@lru_cache(maxsize=8)
def _load(name: str, frames: int, version: int) -> Detector | Ensemble:
    from ml_app.detection.ensemble import load  # noqa: PLC0415 - pages import this module

    return load(Path(settings.MODELS_DIR), name, frames, settings.DEVICE).ready()


def _stand_back() -> None:
    """Pages of the same machine go first. Holds for every process and thread that is started from here on."""
    os.nice(settings.WORKER_NICE)
    if settings.WORKER_NICE and hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):  # batch processes interrupt nobody when they wake up
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


@worker_init.connect
def _warm_up(**kwargs: Any) -> None:
    """Load the detector before the first scan comes. Without it the worker lives on, and says so."""
    _stand_back()
    try:
        loaded = detector(settings.DETECTOR, settings.DEFAULT_FRAME_COUNT)
        loaded.warm_up()
    except CheckpointError as error:
        logger.error("No detector: %s %s", error.message, error.detail)
        return
    from ml_app.detection.faces.pool.process_pool import shared_pool  # noqa: PLC0415
    from ml_app.detection.video import decoder_process  # noqa: PLC0415

    shared_pool().warm_up()
    decoder_process.warm_up()
    info = loaded.info
    _heartbeat.device = loaded.describe_device()[:64]
    logger.info("Detector %s %s ready on %s", info.name, info.version, loaded.describe_device())


@worker_ready.connect
def _show_life(**kwargs: Any) -> None:
    _heartbeat.start()
    _fetcher.start()


@worker_shutdown.connect
def _show_death(**kwargs: Any) -> None:
    _fetcher.stop()
    _heartbeat.stop()


@worker_ready.connect
def _sweep(**kwargs: Any) -> None:
    try:
        sweep()
    except Exception:
        logger.exception("The sweep at the worker's start failed; the sweeper will try again")
    finally:
        close_old_connections()


@worker_shutting_down.connect
def _stop(**kwargs: Any) -> None:
    _stopping.set()
    _fetcher.stopping.set()
