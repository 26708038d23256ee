"""What people and failures do to scans, seen through a real worker on the embedded broker."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.site import Site
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.processes


def test_cancel_stop_and_loss(new_site: Callable[..., Site], clip: Path) -> None:
    """One site for all of this, because a worker takes seconds to start."""
    site = new_site(LEASE_SECONDS="30", DETECTOR="random-torch")
    video = site.do("upload", str(clip), "visitor:a")
    _a_waiting_scan_is_cancelled_at_once(site, video)
    worker = site.worker()
    _a_running_scan_is_cancelled_soon(site, video)
    _a_worker_that_is_told_to_stop_gives_its_scan_back(site, video, worker)
    _a_lost_message_is_sent_again(site, video)


def _a_waiting_scan_is_cancelled_at_once(site: Site, video: str) -> None:
    scan = site.do("order", video, 10)
    site.do("cancel", scan)
    assert site.do("row", scan)["status"] == "cancelled"


def _a_running_scan_is_cancelled_soon(site: Site, video: str) -> None:
    scan = site.do("order", video, 20)
    site.until(scan, status="running")
    site.do("cancel", scan)
    row = site.until(scan, status="cancelled")
    assert not row["verdict"]
    assert site.do("faces", scan)["on_disk"] == []


def _a_worker_that_is_told_to_stop_gives_its_scan_back(site: Site, video: str, worker: object) -> None:
    scan = site.do("order", video, 10)
    site.until(scan, status="running")
    worker.send_signal(signal.SIGTERM)  # type: ignore[attr-defined]
    row = site.until(scan, status="queued")
    assert row["attempts"] == 0, "a stop is not a failed attempt"
    worker.wait(PATIENCE)  # type: ignore[attr-defined]
    messages = list((site.folder / "var" / "broker").glob("*.msg"))
    assert len(messages) == 1, "the next worker finds it in the queue, without a sweep"
    for message in messages:
        message.unlink()


def _a_lost_message_is_sent_again(site: Site, video: str) -> None:
    site.worker()
    scan = site.do("order", video, 10)  # the one that was given back still waits
    site.sweeper()
    row = site.until(scan, status="done")
    assert row["attempts"] == 1
    wait_for(lambda: not list((site.folder / "var" / "broker").glob("*.msg")), "no message is left")


def test_damaged_weights_fail_the_scan_and_not_the_worker(
    new_site: Callable[..., Site], clip: Path, random_models: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(random_models, models)
    site = new_site(MODELS_DIR=str(models))
    head = models / "random" / "head-10.safetensors"
    whole = head.read_bytes()
    video = site.do("upload", str(clip), "visitor:a")
    scan = site.do("order", video, 10)
    head.write_bytes(whole[:-4] + b"\x00\x01\x02\x03")  # damaged while the scan waits for a worker
    worker = site.worker()
    failed = site.until(scan, status="failed")
    assert failed["error_code"] == "detector_unavailable"
    assert "hash_mismatch" in failed["error_detail"]
    assert worker.poll() is None

    head.unlink()  # and this the site sees by itself
    with pytest.raises(RuntimeError, match="weights are missing or damaged"):
        site.do("order", video, 10)

    head.write_bytes(whole)
    assert site.until(site.do("order", video, 10), status="done")["verdict"]


def test_a_worker_that_always_dies_fails_the_scan(new_site: Callable[..., Site], clip: Path) -> None:
    """Three attempts, each ended by a kill, then FAILED: a deadly file does not go round for ever."""
    site = new_site(LEASE_SECONDS="1")
    scan = site.do("order", site.do("upload", str(clip), "visitor:a"), 10)
    site.sweeper()
    for attempt in (1, 2, 3):
        assert site.do("die", scan) == -signal.SIGKILL
        if attempt < 3:
            assert site.until(scan, status="queued", attempts=attempt)
    row = site.until(scan, status="failed")
    assert (row["error_code"], row["attempts"]) == ("worker_lost", 3)
