"""Scans of links: fetched by threads of a worker, then analysed like any upload. The host is a real one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from ml_app import services
from ml_app.errors import ServiceError
from ml_app.jobs import fetching, sweeper
from ml_app.models import Origin, Scan, Video
from ml_app.services.intake.links import order_link
from tests.factories import UserFactory
from tests.fetching.conftest import host
from tests.fetching.server import Host
from tests.media import Clips
from tests.rows import make_scan, make_video

__all__ = ["host"]
pytestmark = pytest.mark.django_db
OWNER = "visitor:a"
LINK = Scan.Queue.LINK


@pytest.fixture(autouse=True)
def _links(settings: Any, weights: Path, media: Path) -> None:
    settings.LINK_NETWORKS = ["127.0.0.1/32"]


@pytest.fixture
def clip(clips: Clips) -> Path:
    return clips("talk.mp4", seconds=1, fps=5, size=(160, 120))


def order(url: str, owner: str = OWNER, **values: Any) -> Scan:
    return order_link(url=url, owner=owner, user=None, frame_count=40, **values)


def attempt(scan: Scan, stopping: Any = None) -> bool:
    came = fetching.attempt(scan.pk, stopping or threading.Event())
    if Scan.objects.filter(pk=scan.pk).exists():
        scan.refresh_from_db()
    return came


def test_a_link_becomes_a_video_that_waits_for_its_analysis(
    host: Host, clip: Path, sent: list[str], commits: Callable[[], Any]
) -> None:
    url = host.leads("/v/1", host.gives("/files/talk.mp4", clip.read_bytes()))
    scan = order(url)
    assert (scan.queue, scan.status, scan.video.is_awaited) == (LINK, "queued", True)
    assert order(url) == scan, "the same link is waited for once"
    with commits():
        assert attempt(scan)
    assert (scan.queue, scan.status, scan.attempts, scan.worker) == ("interactive", "queued", 0, "")
    assert sent == [str(scan.pk)]
    video = scan.video
    assert (video.original_name, video.owner, video.size) == ("talk.mp4", OWNER, clip.stat().st_size)
    assert video.file.read() == clip.read_bytes()
    origin = Origin.objects.get()
    assert (origin.video, origin.url, origin.found_url) == (video, url, f"{host.url}/files/talk.mp4")
    assert origin.fetched_at is not None
    assert Video.objects.count() == 1, "what was awaited is here"
    assert not attempt(scan), "there is nothing to fetch any more"


def test_bytes_that_are_known_are_the_same_video(host: Host, clip: Path, sent: list[str]) -> None:
    with clip.open("rb") as file:
        video, _ = services.receive_video(upload=UploadedFile(File(file), "mine.mp4"), owner=OWNER, user=None)
    scan = order(host.gives("/talk.mp4", clip.read_bytes()))
    assert attempt(scan)
    assert scan.video == video
    assert [origin.video for origin in Origin.objects.all()] == [video]
    again = order(f"{host.url}/talk.mp4")
    assert not attempt(again)
    assert (again.status, again.error_code) == ("failed", "already_running")
    assert again.video.is_awaited, "its file was not taken, so the link may be tried again"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/none.mp4", "link_not_found"),
        ("/text.txt", "not_a_video"),
        ("/private", "address_not_allowed"),
        ("/large.mp4", "too_large"),
    ],
)
def test_what_is_refused_fails_with_its_code_and_may_be_tried_again(
    host: Host, settings: Any, media: Path, path: str, code: str
) -> None:
    settings.MAX_UPLOAD_MB = 1
    host.gives("/text.txt", b"words", "text/plain")
    host.gives("/large.mp4", b"x" * (1024**2 + 1))
    host.leads("/private", "http://169.254.169.254/latest/meta-data/")
    scan = order(f"{host.url}{path}")
    assert not attempt(scan)
    assert (scan.status, scan.error_code, scan.queue) == ("failed", code, LINK)
    assert str(services.scan_errors[code])
    assert [file for file in media.rglob("*") if file.is_file()] == []
    again, is_new = services.request_scan(video=scan.video, frame_count=40)
    assert (again.queue, is_new) == (LINK, True)
    services.cancel_scan(scan=again)
    services.delete_scan(scan=again)
    assert Video.objects.filter(pk=scan.video_id).exists(), "the failed scan is still there"
    services.delete_scan(scan=scan)
    assert Video.objects.count() == Origin.objects.count() == 0


class Meanwhile:
    """Does something to the row while the file is being fetched."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def is_set(self) -> bool:
        self._act()
        return False


def test_cancelling_and_deleting_stop_it(host: Host) -> None:
    url = host.plays_as("/waits", lambda handler: host.over.wait())
    scan = order(url)
    assert not attempt(scan, Meanwhile(lambda: Scan.objects.request_cancel(scan.pk)))
    assert (scan.status, scan.stage) == ("cancelled", "fetch")
    other = order(url)
    key = other.pk
    assert not attempt(other, Meanwhile(lambda: Scan.objects.filter(pk=key).delete()))
    assert not Scan.objects.filter(pk=key).exists()


def test_a_worker_that_stops_gives_it_back(host: Host) -> None:
    scan = order(host.plays_as("/waits", lambda handler: host.over.wait()))
    stopping = threading.Event()
    stopping.set()
    assert not attempt(scan, stopping)
    assert (scan.status, scan.queue, scan.attempts) == ("queued", LINK, 0)


def test_a_worker_that_died_loses_it(sent: list[str]) -> None:
    scan = order("https://host.example/a.mp4")
    assert Scan.objects.claim(scan.pk, worker="gone", lease=timedelta(seconds=-1))
    assert sweeper.take_from_the_lost() == 1
    Scan.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert sweeper.send_again() == 0
    assert sent == [], "workers look for links themselves"
    assert fetching.next_links(4) == [scan.pk]


def test_nobody_keeps_others_waiting() -> None:
    mine = [order(f"https://host.example/{number}.mp4") for number in range(5)]
    other = order("https://host.example/0.mp4", owner="visitor:b")
    assert fetching.next_links(4) == [mine[0].pk, mine[1].pk, other.pk]
    assert Scan.objects.claim(mine[0].pk, worker="w", lease=timedelta(minutes=1))
    assert fetching.next_links(4) == [mine[1].pk, other.pk]
    assert list(Scan.objects.ahead_of(mine[3])) == mine[1:3]


@pytest.mark.parametrize("url", ["ftp://host.example/a.mp4", "file:///etc/passwd", "talk.mp4", ""])
def test_what_is_no_link(url: str) -> None:
    with pytest.raises(ServiceError) as refused:
        order(url)
    assert refused.value.code == "bad_url"
    assert Video.objects.count() == 0


def test_a_setting_turns_them_off(settings: Any) -> None:
    settings.LINKS = False
    with pytest.raises(ServiceError) as refused:
        order("https://host.example/a.mp4")
    assert refused.value.code == "links_not_enabled"


def test_more_links_than_wait(settings: Any) -> None:
    settings.QUEUE_LIMIT = 1
    order("https://host.example/a.mp4")
    with pytest.raises(ServiceError) as refused:
        order("https://host.example/b.mp4")
    assert refused.value.code == "queue_full"


def test_links_of_a_browser_go_along_when_its_visitor_logs_in() -> None:
    user = UserFactory()
    mine = order("https://host.example/a.mp4", owner=f"user:{user.pk}")
    visitors = order("https://host.example/b.mp4")
    assert services.claim_videos(visitor=OWNER, user=user) == 1
    visitors.refresh_from_db()
    assert (visitors.owner, visitors.video.owner) == (mine.owner, mine.owner)
    assert visitors.video != mine.video


def test_an_analysis_does_not_take_a_scan_whose_file_is_missing() -> None:
    scan = order("https://host.example/a.mp4")
    assert not Scan.objects.exclude(queue=LINK).claim(scan.pk, worker="w", lease=timedelta(minutes=1))
    purged = make_scan(make_video(file=""))
    assert not purged.video.is_awaited
