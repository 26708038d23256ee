"""The life of a batch: made, fed to the workers, paused, cancelled, run again. The files are real."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.utils import timezone

from ml_app import services
from ml_app.batches import acting, creating, results
from ml_app.batches.feeding import AHEAD, feed
from ml_app.errors import ServiceError
from ml_app.models import FETCHED, Batch, BatchItem, Scan, Video
from ml_app.services.intake.links import order_link
from ml_app.storage.orphans import delete_orphans
from tests.batches import zips
from tests.factories import UserFactory
from tests.media import Clips
from tests.rows import media, sent, weights

__all__ = ["media", "sent", "weights"]
pytestmark = pytest.mark.django_db
OWNER = "visitor:a"
ORDER = creating.Order(OWNER, None, 40)


@pytest.fixture(autouse=True)
def _detector(weights: Path, sent: list[str]) -> None:
    """There is one, and no broker."""


@pytest.fixture
def clip(clips: Clips) -> bytes:
    return clips("talk.mp4", seconds=1, fps=5, size=(160, 120)).read_bytes()


def upload(content: bytes, name: str = "many.zip") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def from_zip(tmp_path: Path, files: dict[str, bytes]) -> Batch:
    path = zips.pack(tmp_path / "many.zip", files)
    return creating.create_from_file(order=ORDER, upload=upload(path.read_bytes()))


def of_links(number: int) -> Batch:
    links = [f"https://video.example/{at}" for at in range(number)]
    return creating.create_from_links(order=ORDER, name="links", links=links)


def states(batch: Batch) -> dict[str, int]:
    return results.counts(batch).states


def codes(batch: Batch) -> list[tuple[str, str, str]]:
    return [(item.name, item.state, results.code_of(item)) for item in results.items(batch)]


def finish(scan: Scan | None, **values: Any) -> None:
    assert scan is not None
    done = {"status": "done", "verdict": "fake", "fake_probability": 0.9, "finished_at": timezone.now()}
    Scan.objects.filter(pk=scan.pk).update(**{**done, **values})


def test_a_zip_file_becomes_scans_and_rows_with_reasons(tmp_path: Path, clip: bytes, media: Path) -> None:
    files = {"a/talk.mp4": clip, "text.mp4": b"words", "../up.mp4": clip, "again.mp4": clip}
    batch = from_zip(tmp_path, files)
    assert (batch.name, states(batch)) == ("many.zip", {"waiting": 3, "refused": 1})
    assert feed() == 3
    assert codes(batch) == [
        ("a/talk.mp4", "waiting", ""),
        ("text.mp4", "refused", "not_a_video"),
        ("../up.mp4", "refused", "bad_name"),
        ("again.mp4", "waiting", ""),
    ]
    scan = Scan.objects.get()
    assert (scan.queue, scan.owner, scan.video.original_name) == ("batch", OWNER, "talk.mp4")
    assert Video.objects.count() == 1, "the same bytes are the same video, scanned once"
    batch.refresh_from_db()
    assert batch.archive == ""
    assert not list((media / "batches").rglob("*.zip")), "it is needed no more"
    finish(scan)
    counts = results.counts(batch)
    assert counts.states == {"done": 2, "refused": 2}
    assert counts.verdicts == {"fake": 2}
    assert counts.is_over
    assert feed() == 0
    again = from_zip(tmp_path, {"third.mp4": clip})
    assert feed() == 1
    assert states(again) == {"done": 1}, "what was found before is the answer"


def test_only_a_few_scans_wait_at_a_time_and_links_of_visitors_go_first() -> None:
    batch = of_links(AHEAD + 3)
    assert feed() == AHEAD
    assert feed() == 0
    assert Scan.objects.filter(queue="batch_link").count() == AHEAD
    visitors = order_link(url="https://video.example/mine", owner="visitor:b", user=None, frame_count=40)
    from ml_app.jobs.fetching import next_links

    assert next_links(2)[0] == visitors.pk
    assert services.queue_for(owner=OWNER) == "interactive", "its own batch does not make a visitor wait"
    scan = batch.items.get(number=1).scan
    finish(scan, status="failed", verdict="", fake_probability=None, error_code="link_not_found")
    assert feed() == 1
    assert states(batch) == {"waiting": AHEAD + 2, "failed": 1}


def test_pausing_takes_back_what_waits(tmp_path: Path, clip: bytes) -> None:
    batch = from_zip(tmp_path, {"talk.mp4": clip})
    links = of_links(2)
    feed()
    running = links.items.get(number=1).scan
    assert running is not None
    ready = Scan.objects.filter(queue__in=FETCHED)
    assert ready.claim(running.pk, worker="w", lease=timedelta(minutes=1))
    for one in (batch, links):
        acting.pause(batch=one)
        assert one.is_paused
    assert list(Scan.objects.all()) == [running], "what runs goes on"
    assert Video.objects.filter(sha256="").count() == 1
    assert feed() == 0
    for one in (batch, links):
        acting.resume(batch=one)
    assert feed() == 2
    assert states(batch) == {"waiting": 1}
    assert states(links) == {"running": 1, "waiting": 1}


def test_cancelling_and_running_again() -> None:
    batch = of_links(AHEAD + 2)
    feed()
    scan = batch.items.get(number=1).scan
    finish(scan)
    acting.cancel(batch=batch)
    assert states(batch) == {"done": 1, "cancelled": AHEAD + 1}
    assert feed() == 0
    with pytest.raises(ServiceError) as refused:
        creating.add_file(batch=batch, upload=upload(b"x", "x.mp4"))
    assert refused.value.code == "batch_ended"
    assert acting.rerun_failed(batch=batch) == AHEAD - 1, "and the others have never begun"
    assert states(batch) == {"done": 1, "waiting": AHEAD + 1}
    assert feed() == AHEAD
    acting.delete(batch=batch)
    assert not Batch.objects.exists()
    assert not Scan.objects.active().exists()
    assert Scan.objects.filter(status="done").exists(), "its scans stay"


def test_files_that_come_one_by_one(clip: bytes) -> None:
    batch = creating.create_empty(order=ORDER, name="folder")
    creating.add_file(batch=batch, upload=upload(clip, "a.mp4"))
    creating.add_file(batch=batch, upload=upload(b"words", "b.mp4"))
    creating.note_file(batch=batch, name="c.mp4", code="too_large")
    assert feed() == 1
    assert codes(batch) == [
        ("a.mp4", "waiting", ""),
        ("b.mp4", "refused", "not_a_video"),
        ("c.mp4", "refused", "too_large"),
    ]
    services.delete_scan(scan=Scan.objects.get())
    assert states(batch) == {"refused": 2, "deleted": 1}, "nobody orders it again"
    assert feed() == 0


def test_a_worker_that_dies_loses_nothing(tmp_path: Path, clip: bytes) -> None:
    batch = from_zip(tmp_path, {"talk.mp4": clip})
    assert Batch.objects.claim(batch.pk, lease=timedelta(minutes=1))
    assert feed() == 0, "another one feeds it"
    Batch.objects.update(fed_until=timezone.now() - timedelta(seconds=1))
    # It had kept the video and ordered the scan, and died before it wrote that down.
    feed()
    BatchItem.objects.update(ordered_at=None, scan=None, video=None)
    item = BatchItem.objects.get()
    BatchItem.objects.filter(pk=item.pk).update(video=Video.objects.get())
    assert feed() == 1
    assert Scan.objects.count() == 1


def test_a_full_queue_keeps_the_rest_waiting(settings: Any) -> None:
    settings.BATCH_QUEUE_LIMIT = 2
    batch = of_links(4)
    assert feed() == 2
    assert states(batch) == {"waiting": 4}
    assert batch.items.pending().count() == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"PK\x03\x04nonsense", "zip_broken"), (b"words", "table_broken"), (b"", "table_empty")],
)
def test_what_is_refused_leaves_nothing(content: bytes, code: str, media: Path) -> None:
    with pytest.raises(ServiceError) as refused:
        creating.create_from_file(order=ORDER, upload=upload(content))
    assert refused.value.code == code
    assert not Batch.objects.exists()
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_limits(settings: Any) -> None:
    settings.BATCH_FILES = 1
    for links, code in ((["https://a.example"] * 2, "batch_too_many"), ([], "table_empty")):
        with pytest.raises(ServiceError) as refused:
            creating.create_from_links(order=ORDER, name="x", links=links)
        assert refused.value.code == code
    settings.LINKS = False
    with pytest.raises(ServiceError) as refused:
        creating.create_from_links(order=ORDER, name="x", links=["https://a.example"])
    assert refused.value.code == "links_not_enabled"


def test_an_archive_without_a_batch_is_swept(tmp_path: Path, clip: bytes, media: Path) -> None:
    batch = from_zip(tmp_path, {"talk.mp4": clip})
    assert delete_orphans() == 0
    Batch.objects.all().delete()
    assert delete_orphans() == 1
    assert not (media / batch.archive).exists()


def test_results_for_programs_and_spreadsheets(tmp_path: Path, clip: bytes) -> None:
    batch = from_zip(tmp_path, {"=talk.mp4": clip, "text.mp4": b"words"})
    feed()
    finish(Scan.objects.get())
    found = results.items(batch)
    told = json.loads(json.dumps([results.row(item) for item in found]))
    assert [(row["state"], row["verdict"], row["code"]) for row in told] == [
        ("done", "fake", None),
        ("refused", None, "not_a_video"),
    ]
    assert told[0]["sha256"] == Video.objects.get().sha256
    assert "neither a video nor a picture" in told[1]["reason"]
    lines = list(results.csv_lines(found))
    assert lines[0].startswith("number,name,state")
    assert lines[1].startswith("1,'=talk.mp4,done"), "no formula"
    assert [item.name for item in results.items(batch, state="refused")] == ["text.mp4"]
    assert [item.name for item in results.items(batch, verdict="fake")] == ["=talk.mp4"]
    assert [item.number for item in results.items(batch, order="name")] == [1, 2]


def test_batches_of_a_browser_go_along_when_its_visitor_logs_in() -> None:
    batch, user = of_links(1), UserFactory()
    services.claim_videos(visitor=OWNER, user=user)
    batch.refresh_from_db()
    assert (batch.owner, batch.ordered_by) == (f"user:{user.pk}", user)


def test_the_command_line_takes_zip_files_and_tables(tmp_path: Path, clip: bytes) -> None:
    packed = zips.pack(tmp_path / "many.zip", {"talk.mp4": clip})
    links = tmp_path / "links.csv"
    links.write_text("url\nhttps://video.example/1\nnonsense\n")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04")
    output, errors = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit):
        call_command("enqueue", str(packed), str(links), str(broken), stdout=output, stderr=errors)
    assert f"{packed}: batch {Batch.objects.get().pk} of 1 files." in output.getvalue()
    assert "1 scans ordered, 0 were there already, 2 refused." in output.getvalue()
    assert "damaged" in errors.getvalue()
    assert "nonsense\n" in errors.getvalue()
