"""Links are fetched and batches fed beside the analyses, by threads of a worker: no scan waits for them.

There are no messages for it: a worker asks the database for scans whose link nobody fetches yet.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain
from uuid import UUID

from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.db.models import Count

from deepfake_site.logs import about_scan
from ml_app.batches.feeding import feed
from ml_app.detection.errors import Cancelled
from ml_app.errors import ServiceError, scan_errors
from ml_app.fetching.errors import FetchError
from ml_app.fetching.fetch import fetch
from ml_app.jobs.heartbeat import worker_name
from ml_app.jobs.lease import lease
from ml_app.models import FETCHED, Scan
from ml_app.services.intake.links import fetch_limits, keep_fetched
from ml_app.storage.uploads import IncomingFile

logger = logging.getLogger(__name__)
STAGE = "fetch"
LOOK_SECONDS = 1.0  # from one look for links to the next
BEAT_SECONDS = 0.5  # how often progress is written, and how soon a request to cancel is heard
AT_ONCE = 4  # of one worker
PER_OWNER = 2  # of all workers, so that nobody's slow links keep those of others waiting
MEGABYTE = 1024**2


class Fetcher:
    """Fetches until it is told to stop."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._again_and_again,
            args=(self._look, "Links cannot be looked for"),
            name="links",
            daemon=True,
        )
        self._pool = ThreadPoolExecutor(AT_ONCE, "link")
        self._feeder = threading.Thread(
            target=self._again_and_again,
            args=(partial(feed, stopping=self.stopping.is_set), "A batch cannot be fed"),
            name="batches",
            daemon=True,
        )
        self._running: set[Future[bool]] = set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._feeder.start()

    def stop(self) -> None:
        """Give back what is being fetched, for another worker."""
        self.stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
            self._feeder.join(timeout=5)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _again_and_again(self, work: Callable[[], object], failed: str) -> None:
        """Until it is to stop; `failed` goes into the log, and the next time comes all the same."""
        while not self.stopping.wait(LOOK_SECONDS):
            try:
                close_old_connections()
                work()
            except Error as error:
                logger.warning("The database does not answer: %s", error)
                connection.close()
            except Exception:
                logger.exception(failed)
        connection.close()

    def _look(self) -> None:
        self._running = {task for task in self._running if not task.done()}
        free = AT_ONCE - len(self._running)
        for scan_id in next_links(free) if free and settings.LINKS else []:
            self._running.add(self._pool.submit(self._attempt, scan_id))

    def _attempt(self, scan_id: UUID) -> bool:
        try:
            return attempt(scan_id, self.stopping)
        except Exception:
            logger.exception("Fetching for the scan %s failed", scan_id)
            return False
        finally:
            connection.close()


def next_links(at_most: int) -> list[UUID]:
    """The scans whose links come next: first those that somebody waits for, then those of batches.

    Of an owner so many that others come too.
    """
    running = Scan.objects.filter(queue__in=FETCHED, status=Scan.Status.RUNNING).order_by()
    busy = dict(running.values_list("owner").annotate(Count("pk")))
    found: list[UUID] = []
    waiting = [Scan.objects.waiting(queue).values_list("pk", "owner")[:200] for queue in FETCHED]
    for scan_id, owner in chain(*waiting):
        if len(found) < at_most and busy.get(owner, 0) < PER_OWNER:
            busy[owner] = busy.get(owner, 0) + 1
            found.append(scan_id)
    return found


def attempt(scan_id: UUID, stopping: threading.Event) -> bool:
    """One attempt at one link, if it still waits for one. True if its file has come."""
    worker = f"{worker_name()}:{secrets.token_hex(4)}"
    if not Scan.objects.filter(queue__in=FETCHED).claim(scan_id, worker=worker, lease=lease()):
        return False
    with about_scan(str(scan_id)):
        scan = Scan.objects.select_related("video__uploaded_by").get(pk=scan_id)
        watch = _Watch(scan, worker, stopping)
        try:
            return _fetch(scan, worker, watch)
        except Cancelled:
            _stopped(scan, worker, watch)
        except (FetchError, ServiceError) as error:
            _fail(scan, worker, error)
        except Exception as error:
            logger.exception("The attempt failed")
            detail = f"{type(error).__name__}: {error}"
            Scan.objects.give_up(
                scan.pk, worker, max_attempts=settings.MAX_ATTEMPTS, code="internal_error", detail=detail
            )
    return False


def _fetch(scan: Scan, worker: str, watch: _Watch) -> bool:
    origin = scan.video.origins.last()
    if origin is None:
        raise FetchError("bad_url", "there is no link")
    incoming = IncomingFile("video")
    try:
        found = fetch(
            origin.url,
            incoming.append,
            limits=fetch_limits(),
            networks=settings.LINK_NETWORKS,
            on_progress=watch.progress,
            cancelled=watch.cancelled,
        )
        incoming.finish()
        scan.refresh_from_db(fields=["owner"])  # whoever has logged in meanwhile took it along
        return keep_fetched(scan=scan, worker=worker, origin=origin, incoming=incoming, found=found)
    finally:
        incoming.close()


def _stopped(scan: Scan, worker: str, watch: _Watch) -> None:
    if watch.lost:
        logger.warning("Taken from this worker; what it fetched is dropped")
    elif watch.cancel_requested:
        Scan.objects.end_cancelled(scan.pk, worker)
        logger.info("Cancelled")
    else:
        Scan.objects.release(scan.pk, worker)
        logger.info("Given back, because this worker stops")


def _fail(scan: Scan, worker: str, error: FetchError | ServiceError) -> None:
    code = error.code if error.code in scan_errors else "link_failed"
    detail = error.detail if isinstance(error, FetchError) else ""
    logger.warning("Not fetched: %s (%s)", code, detail)
    Scan.objects.fail(scan.pk, worker, code=code, detail=detail)


class _Watch:
    """Renews the lease, writes progress and hears that it is to stop, between two looks at the child."""

    def __init__(self, scan: Scan, worker: str, stopping: threading.Event) -> None:
        self.lost = self.cancel_requested = False
        self._mine, self._stopping = (scan.pk, worker), stopping
        self._beat_at = 0.0
        self._renew_at = time.monotonic() + settings.LEASE_SECONDS / 3

    def cancelled(self) -> bool:
        """Whether nobody wants it any more."""
        return self._stopping.is_set() or self.lost or self.cancel_requested

    def progress(self, done: int, total: int | None) -> None:
        """So many bytes have come."""
        now = time.monotonic()
        if now < self._beat_at:
            return
        self._beat_at = now + min(BEAT_SECONDS, settings.LEASE_SECONDS / 3)
        asked = Scan.objects.held_by(*self._mine).values_list("cancel_requested", flat=True).first()
        self.lost, self.cancel_requested = asked is None, bool(asked)
        megabytes = -(-(total or 0) // MEGABYTE)
        Scan.objects.report(*self._mine, stage=STAGE, done=done // MEGABYTE, total=megabytes)
        if now >= self._renew_at:
            Scan.objects.renew(*self._mine, lease=lease())
            self._renew_at = now + settings.LEASE_SECONDS / 3
