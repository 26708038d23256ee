"""A worker that shares nothing with the web server but the database, the broker and a bucket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.site import WORKER, Site

pytestmark = pytest.mark.processes


def test_a_worker_with_a_disk_of_its_own(
    new_site: Callable[..., Site], clip: Path, s3_endpoint: str, tmp_path: Path
) -> None:
    import boto3

    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    bucket = boto3.resource("s3", endpoint_url=s3_endpoint, **keys).create_bucket(Bucket="shared")
    site = new_site(MEDIA_STORAGE_URL=f"s3://key:secret@shared?endpoint={s3_endpoint}&region=us-east-1")
    scan = site.do("order", site.do("upload", str(clip), "visitor:a"), 10)
    other_disk = tmp_path / "other"
    site.start("worker", *WORKER, MEDIA_ROOT=str(other_disk))
    site.until(scan, status="done")
    found = site.do("faces", scan)
    assert found["numbers"] == [1, 2]
    kept = {item.key for item in bucket.objects.all()}
    assert set(found["named"]) == {key for key in kept if key.startswith("scans/")}
    assert len([key for key in kept if key.startswith("videos/")]) == 1
    for folder in (site.media, other_disk):
        assert not [path for path in folder.rglob("*") if path.is_file()]
