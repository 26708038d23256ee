"""What several processes and threads do at the same moment, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.jobs.site import Site
from tests.waiting import wait_for

pytestmark = pytest.mark.processes
OWNER = "visitor:a"
TIMES = 8


@pytest.fixture
def site(site_of_each: Site) -> Site:
    return site_of_each


@pytest.fixture
def video(site: Site, clip: Path) -> str:
    return str(site.do("upload", str(clip), OWNER))


def files(site: Site) -> list[Path]:
    return [path for path in site.media.rglob("*") if path.is_file()]


def test_of_many_claims_one_wins(site: Site, video: str) -> None:
    for frames in (10, 20):
        scan = site.do("order", video, frames)
        assert Counter(site.do("together", *[["claim", scan]] * TIMES)) == {True: 1, False: TIMES - 1}
        assert site.do("row", scan)["attempts"] == 1


def test_the_same_file_becomes_one_video(site: Site, clip: Path) -> None:
    found = site.do("together", *[["upload", str(clip), OWNER]] * TIMES)
    assert len(set(found)) == 1
    assert (site.do("videos"), len(files(site))) == (1, 1)
    other = site.do("together", ["upload", str(clip), "visitor:b"], ["upload", str(clip), "visitor:c"])
    assert len({*found, *other}) == 3, "each owner has a video of their own"


def test_the_same_order_becomes_one_scan(site: Site, video: str) -> None:
    orders = site.do("together", *[["order", video, 10]] * TIMES, *[["order", video, 20]] * TIMES)
    assert len(set(orders[:TIMES])) == len(set(orders[TIMES:])) == 1
    assert len(set(orders)) == 2


def test_a_lost_worker_is_counted_once_by_many_sweepers(site: Site, video: str) -> None:
    scan = site.do("order", video, 10)
    assert site.do("claim", scan, -1), "its lease has run out already"
    swept = site.do("together", *[["sweep"]] * TIMES)
    assert sum(result["expired"] for result in swept) == 1
    assert (site.do("row", scan)["status"], site.do("row", scan)["attempts"]) == ("queued", 1)


def test_nothing_is_ordered_of_a_video_that_is_just_purged(site: Site, clip: Path) -> None:
    for number in range(4):
        video = site.do("upload", str(clip), f"visitor:{number}")
        ordered, purged = site.do("together", ["order", video, 10], ["purge", video])
        refusals = [text for text in (ordered, purged) if "ServiceError" in str(text)]
        assert len(refusals) == 1, "one of the two comes second, and is told why it cannot be"
        assert site.do("queued_without_file") == 0


def test_a_file_may_come_again_while_it_is_deleted(site: Site, clip: Path) -> None:
    for _ in range(4):
        video = site.do("upload", str(clip), OWNER)
        again, deleted = site.do("together", ["upload", str(clip), OWNER], ["delete", video])
        assert deleted is None
        assert "Error" not in again
        left = site.do("videos")
        assert len(files(site)) == left, "a row has its file, and a file its row"
        site.do("delete", again) if left else None


def test_a_message_that_comes_many_times_is_done_once(site: Site, video: str) -> None:
    """Two real workers, and a broker that repeats itself."""
    scan = site.do("order", video, 10)
    broker = site.folder / "var" / "broker"
    (message,) = broker.glob("*.msg")
    for number in range(TIMES):
        (broker / f"{number}{message.name}").write_bytes(message.read_bytes())
    site.worker()
    site.worker()
    assert site.until(scan, status="done")["attempts"] == 1
    wait_for(lambda: not list(broker.glob("*.msg")), "every message was taken")
    site.told("worker", "Does not wait for a worker", TIMES)
    site.told("worker", f"[scan {scan}] Done")
    found = site.do("faces", scan)
    assert found["numbers"] == [1, 2]
    assert found["on_disk"] == found["named"]
