"""Bad and odd files from the form to the answer, and the same files on the command line."""

from __future__ import annotations

import contextlib
import io
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import torch
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from ml_app import tasks, wording
from ml_app.detection.networks.backbones import BACKBONES, BackboneSpec
from ml_app.detection.video_errors import MESSAGES
from ml_app.models import Scan, Video
from tests.bad_files import ODD, REFUSED
from tests.detection.conftest import CHANNELS, tiny_backbone
from tests.media import Clips


def post(client: Client, path: Path, name: str = "clip.mp4") -> Any:
    upload = SimpleUploadedFile(name, path.read_bytes(), content_type="video/mp4")
    return client.post("/", {"frame_count": 10, "video": upload})


def no_beat(watch: object) -> None:
    """The database of the tests lies in memory, where a second connection gets "table is locked" at once."""


def files(settings: Any) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def analyze(*arguments: object) -> tuple[str, str, int]:
    """What `manage.py analyze` writes, and its exit status."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    try:
        call_command("analyze", *map(str, arguments), "--frames=10", stdout=out, stderr=err)
    except SystemExit as end:
        status = int(end.code or 0)
    return out.getvalue(), err.getvalue(), status


@pytest.fixture(scope="module", autouse=True)
def _tiny_backbone() -> Iterator[None]:
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "tiny", BackboneSpec("tiny", CHANNELS, tiny_backbone))
        yield


@pytest.fixture(scope="module")
def refused(clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("refused")
    return {kind: make(folder / f"{kind}.mp4", clips) for kind, (make, _) in REFUSED.items()}


@pytest.fixture(scope="module")
def odd(clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("odd")
    return {kind: make(folder / f"{kind}.mp4", clips) for kind, (make, _) in ODD.items()}


@pytest.mark.parametrize("kind", REFUSED)
def test_the_page_refuses_with_a_sentence_and_keeps_nothing(
    newcomer: Client, refused: dict[str, Path], kind: str, settings: Any
) -> None:
    response = post(newcomer, refused[kind])
    assert response.status_code == 422
    said = response.content.decode().split('id="video-errors"')[1].split("</div>")[0]
    assert MESSAGES[REFUSED[kind][1]] in said
    assert not Video.objects.exists()
    assert files(settings) == []


def test_the_command_line_refuses_the_same_in_the_same_words(
    db: None, refused: dict[str, Path], settings: Any
) -> None:
    out, err, status = analyze("--save", *refused.values())
    assert (out, status) == ("", 1)
    blocks = err.strip().split("\n")
    assert blocks == [
        line for kind, path in refused.items() for line in (str(path), f"  {MESSAGES[REFUSED[kind][1]]}")
    ]
    assert not Video.objects.exists()
    assert files(settings) == []


def test_the_command_line_tells_programs_the_codes(refused: dict[str, Path]) -> None:
    out, err, status = analyze("--json", *refused.values())
    assert (err, status) == ("", 1)
    told = [json.loads(line)["error"]["code"] for line in out.splitlines()]
    assert told == [code for _, code in REFUSED.values()]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ODD)
def test_what_is_odd_but_a_video_gets_its_answer(
    kind: str, odd: dict[str, Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_app.services.scans.enqueue", lambda scan_id: True)
    monkeypatch.setattr("ml_app.watch.Watch._beat", no_beat)
    client = Client()
    response = post(client, odd[kind])
    assert response.status_code == 302
    scan = Scan.objects.get()
    tasks.analyse_scan(str(scan.pk))
    scan.refresh_from_db()
    assert scan.status == "done", (scan.error_code, scan.error_detail)
    page = client.get(response["Location"]).content.decode()
    if reason := ODD[kind][1]:
        assert (scan.verdict, scan.reason, scan.fake_probability) == ("not_analysable", reason, None)
        assert str(wording.REASONS[reason]) in page
    else:
        assert scan.verdict in ("real", "fake", "uncertain", "not_analysable")
        assert scan.faces.exists()
    if kind == "claims-a-century":
        assert scan.video.duration_s == pytest.approx(2.0, abs=0.1)


def test_the_command_line_answers_them_as_well(odd: dict[str, Path]) -> None:
    kinds = [kind for kind, (_, reason) in ODD.items() if reason]
    out, err, status = analyze("--json", *(odd[kind] for kind in kinds))
    assert (err, status) == ("", 0)
    found = dict(zip(kinds, map(json.loads, out.splitlines()), strict=True))
    for kind in kinds:
        reason = ODD[kind][1]
        assert (found[kind]["verdict"], found[kind]["reason"]) == ("not_analysable", reason), kind


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../../etc/cron.d/clip.mp4", "clip.mp4"),
        ("..\\..\\windows\\clip.mp4", "clip.mp4"),
        ("/etc/passwd", "passwd"),
        ("😀 Rede Ü.mp4", "😀 Rede Ü.mp4"),
        ("<script>alert(1)</script>.mp4", "script>.mp4"),
        ("x" * 300 + ".mp4", "x" * 251 + ".mp4"),
        ("視" * 300 + ".mp4", "視" * 251 + ".mp4"),
        (".mp4", ".mp4"),
        ("clip.mp4\u202egpj.exe", "clip.mp4gpj.exe"),
    ],
    ids=["path", "windows", "absolute", "emoji", "markup", "300", "300-wide", "suffix", "bidi"],
)
def test_of_a_name_only_the_name_is_kept(
    newcomer: Client, clips: Clips, settings: Any, name: str, kept: str
) -> None:
    response = post(newcomer, clips("clip.mp4", seconds=0.4), name=name)
    assert response.status_code == 302
    video = Video.objects.get()
    assert video.original_name == kept
    assert [path.parent for path in files(settings)] == [Path(settings.MEDIA_ROOT) / "videos" / str(video.pk)]
    assert files(settings)[0].name in ("original.mp4", "original.exe", "original")
    page = newcomer.get(urlsplit(response["Location"]).path).content.decode()
    assert "<script>alert" not in page
    media = newcomer.get(f"/scans/{Scan.objects.get().pk}/video")
    assert media.status_code == 200
    assert "\n" not in media["Content-Disposition"]


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """The kernel lets this process write no file beyond a size, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("surplus", [1, 3000, 400_000], ids=["at-the-end", "last-chunk", "early"])
def test_a_full_disk_is_told_and_leaves_nothing(
    newcomer: Client, tmp_path: Path, settings: Any, surplus: int
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(300_000 + surplus))
    with room_for(300_000):
        response = post(newcomer, path)
    assert response.status_code == 507
    assert "no room for the file" in response.content.decode()
    assert not Video.objects.exists()
    assert files(settings) == []


@pytest.mark.django_db(transaction=True)
def test_a_disk_that_fills_up_during_a_scan_is_told(
    clips: Clips, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_app.services.scans.enqueue", lambda scan_id: True)
    monkeypatch.setattr("ml_app.watch.Watch._beat", no_beat)
    monkeypatch.setattr("ml_app.services.enqueue", lambda scan_id: True)
    settings.MAX_ATTEMPTS = 1
    client = Client()
    response = post(client, clips("talk.mp4", seconds=1))
    (video,) = files(settings)
    with room_for(100):
        tasks.analyse_scan(str(Scan.objects.get().pk))
    scan = Scan.objects.get()
    assert (scan.status, scan.error_code) == ("failed", "disk_full")
    assert "no room" in client.get(response["Location"]).content.decode()
    assert files(settings) == [video], "no picture is left"
