"""Which queue a scan waits in, what is before it, and when there is no room."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from kombu import Connection

from deepfake_site.broker import Transport
from ml_app import services
from ml_app.jobs.sweeper import sweep
from ml_app.models import Scan, Video
from tests.media import Clips
from tests.rows import make_scan, make_video

pytestmark = pytest.mark.django_db
INTERACTIVE, BATCH = Scan.Queue.INTERACTIVE, Scan.Queue.BATCH


@pytest.fixture
def routed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Queue and scan of everything that was sent."""
    from deepfake_site.celery import app

    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(app, "send_task", lambda name, args, queue, **options: sent.append((queue, args[0])))
    return sent


def test_what_one_owner_orders_on_top_is_a_batch(
    weights: Path, settings: Any, routed: list[tuple[str, str]], commits: Any
) -> None:
    settings.INTERACTIVE_PER_OWNER = 2
    with commits():
        scans = [services.request_scan(video=make_video(), frame_count=40)[0] for _ in range(4)]
        other, _ = services.request_scan(video=make_video(owner="visitor:b"), frame_count=40)
    assert [scan.queue for scan in scans] == [INTERACTIVE, INTERACTIVE, BATCH, BATCH]
    assert other.queue == INTERACTIVE, "another visitor does not pay for it"
    assert routed == [(scan.queue, str(scan.pk)) for scan in [*scans, other]]
    services.cancel_scan(scan=scans[0])
    assert services.queue_for(owner="visitor:a") == INTERACTIVE


def test_a_visitor_is_before_every_batch() -> None:
    now = timezone.now()

    def waiting(queue: str, age: int, **values: Any) -> Scan:
        return make_scan(make_video(), queue=queue, created_at=now - timedelta(seconds=age), **values)

    running = waiting(BATCH, 90, status="running", worker="w", lease_expires_at=now)
    batch = [waiting(BATCH, age) for age in (80, 70)]
    visitors = [waiting(INTERACTIVE, age) for age in (60, 10)]
    make_scan(make_video(), status="cancelled", finished_at=now)
    assert set(Scan.objects.ahead_of(visitors[0])) == {running}
    assert set(Scan.objects.ahead_of(visitors[1])) == {running, visitors[0]}
    assert set(Scan.objects.ahead_of(batch[1])) == {running, batch[0], *visitors}


def test_each_queue_has_its_limit(settings: Any) -> None:
    settings.QUEUE_LIMIT, settings.BATCH_QUEUE_LIMIT = 2, 1
    for _ in range(2):
        assert not services.queue_state(queue=INTERACTIVE).is_full
        make_scan(make_video())
    assert services.queue_state(queue=INTERACTIVE).is_full
    assert not services.queue_state(queue=BATCH).is_full
    settings.QUEUE_LIMIT = 0
    assert not services.queue_state(queue=INTERACTIVE).is_full


def test_the_sweeper_sends_each_to_its_queue(
    routed: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml_app.jobs import sweeper

    old = timezone.now() - timedelta(minutes=1)
    batch = make_scan(make_video(), queue=BATCH, created_at=old)
    visitor = make_scan(make_video(), created_at=old)
    held = {INTERACTIVE: 1, BATCH: 0}
    monkeypatch.setattr(sweeper, "_messages", lambda queue: held[queue])
    assert sweep().sent == 1
    assert routed == [(BATCH, str(batch.pk))]
    held[INTERACTIVE] = 0
    sweep()
    assert (INTERACTIVE, str(visitor.pk)) in routed


@pytest.fixture
def folder(clips: Clips, tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    (folder / "inner").mkdir(parents=True)
    (folder / "one.mp4").write_bytes(clips("one.mp4", seconds=1).read_bytes())
    (folder / "inner" / "two.mp4").write_bytes(clips("two.mp4", seconds=1, people=2).read_bytes())
    (folder / "text.txt").write_text("no video")
    return folder


def enqueue(*arguments: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("enqueue", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_folder_becomes_a_batch_once(
    folder: Path, weights: Path, routed: list[tuple[str, str]], commits: Any
) -> None:
    with commits():
        out, _ = enqueue(folder)
    assert out == "2 scans ordered, 0 were there already, 0 refused.\n"
    assert [queue for queue, _ in routed] == [BATCH, BATCH]
    assert set(Video.objects.values_list("original_name", flat=True)) == {"one.mp4", "two.mp4"}
    assert enqueue(folder)[0] == "0 scans ordered, 2 were there already, 0 refused.\n"


def test_a_file_that_is_no_video_is_named(folder: Path, weights: Path, routed: Any) -> None:
    (folder / "bad.mp4").write_text("no video at all")
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit):
        call_command("enqueue", str(folder), stdout=out, stderr=err)
    assert out.getvalue() == "2 scans ordered, 0 were there already, 1 refused.\n"
    assert "bad.mp4" in err.getvalue()


def test_a_batch_waits_for_room(
    folder: Path, weights: Path, routed: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml_app.management.commands import enqueue as command

    settings.BATCH_QUEUE_LIMIT = 1
    with pytest.raises(CommandError, match="The batch queue is full: 1 wait"):
        enqueue(folder, "--no-wait")
    assert Video.objects.count() == 1, "the second was not even copied"

    def a_worker_takes_one(seconds: float) -> None:
        Scan.objects.waiting(BATCH).update(status="cancelled", finished_at=timezone.now())

    monkeypatch.setattr(command.time, "sleep", a_worker_takes_one)
    _, err = enqueue(folder)
    assert "waiting until there is room" in err
    assert Video.objects.count() == 2


def test_the_embedded_broker_empties_the_first_queue_first(tmp_path: Path) -> None:
    Transport.global_state.clear()
    options = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path)}
    options["control_folder"] = str(tmp_path / "control")
    received = []
    with Connection("filesystem://localhost//", transport=Transport, transport_options=options) as connection:
        queues = [connection.SimpleQueue(name) for name in ("interactive", "batch")]
        for number in range(3):
            queues[1].put(f"batch {number}")
        for number in range(3):
            queues[0].put(f"visitor {number}")

        def note(body: str, message: Any) -> None:
            received.append(body)
            message.ack()

        with connection.Consumer([queue.queue for queue in queues], callbacks=[note]):
            for _ in range(6):
                connection.drain_events(timeout=60)
    assert received == [f"{kind} {n}" for kind in ("visitor", "batch") for n in range(3)]
