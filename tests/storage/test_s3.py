"""Media in a bucket, over real HTTP to moto's server, which answers as Amazon's S3 does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from deepfake_site.media_storage import storage_from
from ml_app import services
from ml_app.detection.findings import Findings
from ml_app.jobs.sweeper import sweep
from ml_app.models import FaceFrame, Scan, Video
from ml_app.storage import bucket_orphans, media_files
from ml_app.storage.uploads import spool
from tests.media import Clips
from tests.rows import make_scan

pytestmark = pytest.mark.django_db
OWNER = "visitor:token"


@pytest.fixture
def bucket(s3_endpoint: str, settings: Any, tmp_path: Path) -> Iterator[Any]:
    """An empty bucket, in which the site keeps its media below media/."""
    settings.MEDIA_STORAGE_URL = f"s3://key:se%2Fcret@newsroom/media?endpoint={s3_endpoint}&region=us-east-1"
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        "default": storage_from(settings.MEDIA_STORAGE_URL),
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    bucket: Any = default_storage.bucket  # type: ignore[attr-defined]
    bucket.create()
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


def keys(bucket: Any) -> list[str]:
    return sorted(found.key for found in bucket.objects.all())


@pytest.fixture
def content(clips: Clips) -> bytes:
    return clips("talk.mp4", seconds=1).read_bytes()


@pytest.fixture
def uploaded(bucket: Any, content: bytes, commits: Callable[..., Any]) -> Video:
    with commits():
        upload = SimpleUploadedFile("talk.mp4", content)
        return services.receive_video(upload=upload, owner=OWNER, user=None)[0]


@pytest.fixture
def done(uploaded: Video, findings: Callable[..., Findings]) -> Scan:
    scan = make_scan(uploaded)
    assert Scan.objects.claim(scan.pk, worker="me", lease=timedelta(seconds=60))
    assert services.save_findings(scan=scan, findings=findings(people=1), worker="me")
    scan.refresh_from_db()
    return scan


def test_an_upload_goes_to_the_bucket_and_leaves_nothing_here(
    uploaded: Video, bucket: Any, content: bytes, media: Path
) -> None:
    assert keys(bucket) == [f"media/videos/{uploaded.pk}/original.mp4"]
    assert bucket.Object(keys(bucket)[0]).get()["Body"].read() == content
    assert not [path for path in media.rglob("*") if path.is_file()]


def test_the_worker_reads_a_copy_without_a_name(uploaded: Video, content: bytes, media: Path) -> None:
    from ml_app.detection.video.opening import probe

    with media_files.local_copy(uploaded.file.name) as path:
        assert path.read_bytes() == content
        assert probe(path).width == 320
        assert not [found for found in media.rglob("*") if found.is_file()]
    assert not path.exists()
    with pytest.raises(FileNotFoundError), media_files.local_copy("videos/none/original.mp4"):
        pass


def test_what_was_kept_can_be_taken_back(bucket: Any, content: bytes, media: Path) -> None:
    """As a transaction that fails does."""
    incoming = spool(SimpleUploadedFile("talk.mp4", content))
    take_back = media_files.keep(incoming, "videos/1/original.mp4")
    assert keys(bucket) == ["media/videos/1/original.mp4"]
    take_back()
    incoming.close()
    assert keys(bucket) == []
    assert not [path for path in media.rglob("*") if path.is_file()]


def visitor() -> Client:
    client = Client()
    session = client.session
    session["visitor"] = OWNER.partition(":")[2]
    session.save()
    client.cookies["sessionid"] = session.session_key
    return client


def test_media_come_in_ranges_to_their_owner_alone(done: Scan, content: bytes) -> None:
    url = f"/scans/{done.pk}/video"
    assert Client().get(url).status_code == 404
    client = visitor()
    whole = client.get(url)
    assert b"".join(whole) == content
    assert whole["Content-Length"] == str(len(content))
    part = client.get(url, headers={"range": "bytes=100-199"})
    assert (part.status_code, b"".join(part)) == (206, content[100:200])
    assert part["Content-Range"] == f"bytes 100-199/{len(content)}"
    last = client.get(url, headers={"range": "bytes=-10"})
    assert b"".join(last) == content[-10:]
    assert client.get(url, headers={"range": f"bytes={len(content)}-"}).status_code == 416
    assert client.get(url, headers={"if-none-match": whole["ETag"]}).status_code == 304
    frame = FaceFrame.objects.exclude(heatmap="").get()
    assert b"".join(client.get(f"/scans/{done.pk}/frames/{frame.pk}/thumbnail")) == b"jpeg 1 0"
    assert b"".join(client.get(f"/scans/{done.pk}/frames/{frame.pk}/heatmap")) == b"png"


def test_purging_leaves_the_findings(done: Scan, bucket: Any, commits: Callable[..., Any]) -> None:
    assert len(keys(bucket)) == 5
    with commits():
        assert services.purge_media(video=done.video) == 5
    assert keys(bucket) == []
    assert done.faces.count() == 1
    assert visitor().get(f"/scans/{done.pk}/video").status_code == 404


def test_deleting_a_scan_and_a_video(done: Scan, bucket: Any, commits: Callable[..., Any]) -> None:
    with commits():
        services.delete_scan(scan=done)
    assert keys(bucket) == [f"media/{done.video.file.name}"]
    with commits():
        services.delete_video(video=done.video)
    assert keys(bucket) == []


def test_findings_that_came_too_late_leave_nothing(
    uploaded: Video, bucket: Any, findings: Callable[..., Findings]
) -> None:
    scan = make_scan(uploaded)
    assert not services.save_findings(scan=scan, findings=findings(), worker="somebody else")
    assert len(keys(bucket)) == 1


def test_old_files_without_a_row_are_deleted(
    done: Scan, bucket: Any, monkeypatch: pytest.MonkeyPatch, sent: list[str]
) -> None:
    running = make_scan(done.video, frame_count=20)
    assert Scan.objects.claim(running.pk, worker="me", lease=timedelta(seconds=60))
    orphans = [f"media/videos/{running.pk}/original.mp4", f"media/scans/{done.pk}/dead/1-0000.jpg"]
    unfinished = f"media/scans/{running.pk}/now/1-0000.jpg"
    for key in (*orphans, unfinished):
        bucket.put_object(Key=key, Body=b"x")
    kept = set(keys(bucket)) - set(orphans)
    assert sweep().files == 0, "they are young: their rows may still come"
    monkeypatch.setattr(bucket_orphans, "YOUNG", -timedelta(seconds=60))
    assert sweep().files == 2
    assert set(keys(bucket)) == kept
    assert unfinished in kept


def test_readiness_asks_the_bucket(uploaded: Video, bucket: Any) -> None:
    from ml_app.services import health

    health.latest.forget()
    assert services.readiness().parts["storage"].ok
    bucket.objects.all().delete()
    bucket.delete()
    health.latest.forget()
    assert not services.readiness().parts["storage"].ok
    bucket.create()


@pytest.mark.parametrize("url", ["http://bucket", "s3://", "s3://bucket?endpiont=x"])
def test_an_address_that_means_nothing(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="must look like s3://"):
        storage_from(url)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepfake_site.media_storage.find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install -r requirements-s3\.txt"):
        storage_from("s3://bucket")


def test_what_an_address_says() -> None:
    options = storage_from("s3://KEY:s%2Fc@Bucket/a/b/?endpoint=http://127.0.0.1:9000&region=x")["OPTIONS"]
    assert (options["bucket_name"], options["location"]) == ("Bucket", "a/b")
    assert (options["access_key"], options["secret_key"]) == ("KEY", "s/c")
    assert (options["endpoint_url"], options["region_name"]) == ("http://127.0.0.1:9000", "x")
    assert storage_from("s3://bucket")["OPTIONS"]["access_key"] is None
