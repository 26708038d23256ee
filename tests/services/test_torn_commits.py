"""The database dies after a commit and before it can say so: nothing that is committed loses its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ml_app import services
from ml_app.detection.findings import Findings
from ml_app.jobs.sweeper import sweep
from ml_app.models import FaceFrame, Scan, Video
from tests.media import Clips

pytestmark = pytest.mark.django_db(transaction=True)
Tear = Callable[[bool], None]


@pytest.fixture
def tear(monkeypatch: pytest.MonkeyPatch) -> Tear:
    """`tear(committed)`: the next commit fails, after or before the database has done its work."""
    wrapper = type(connections[DEFAULT_DB_ALIAS])
    commit = wrapper.commit

    def start(committed: bool) -> None:
        def torn(self: BaseDatabaseWrapper) -> None:
            monkeypatch.setattr(wrapper, "commit", commit)
            if committed:
                commit(self)
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(wrapper, "commit", torn)

    return start


def _files(media: Path, kind: str) -> set[str]:
    return {path.relative_to(media).as_posix() for path in (media / kind).rglob("*") if path.is_file()}


@pytest.mark.parametrize("committed", [True, False])
def test_an_upload(clips: Clips, media: Path, tear: Tear, committed: bool) -> None:
    clip = clips("talk.mp4", seconds=1, fps=5, size=(160, 120))

    def receive() -> tuple[Video, bool]:
        with clip.open("rb") as file:
            return services.receive_video(
                upload=UploadedFile(File(file), "a.mp4"), owner="visitor:a", user=None
            )

    tear(committed)
    with pytest.raises(OperationalError):
        receive()
    sweep()
    assert _files(media, "videos") == set(Video.objects.values_list("file", flat=True))
    assert Video.objects.count() == committed
    video, is_new = receive()
    assert is_new is not committed
    assert Path(video.file.path).read_bytes() == clip.read_bytes()


@pytest.mark.parametrize("committed", [True, False])
def test_findings(
    claimed: Scan, findings: Callable[..., Findings], media: Path, tear: Tear, sent: Any, committed: bool
) -> None:
    tear(committed)
    with pytest.raises(OperationalError):
        services.save_findings(scan=claimed, findings=findings(), worker="me")
    claimed.refresh_from_db()
    assert (claimed.status == "done") is committed
    if not committed:
        assert services.save_findings(scan=claimed, findings=findings(), worker="me")
    sweep()
    frames = FaceFrame.objects.values_list("thumbnail", "heatmap")
    assert _files(media, "scans") == {name for names in frames for name in names if name}
    assert frames
