"""Bad and odd files from the form to the answer, and the same files on the command line."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import torch
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from ml_app.detection.networks.backbones import BACKBONES, BackboneSpec
from ml_app.detection.video.errors import MESSAGES
from ml_app.jobs import tasks
from ml_app.models import Scan, Video
from ml_app.web import wording
from tests.bad_files import ODD, REFUSED
from tests.detection.conftest import CHANNELS, tiny_backbone
from tests.factories import ScanFactory, UserFactory
from tests.media import Clips


def post(client: Client, path: Path, name: str = "clip.mp4") -> Any:
    upload = SimpleUploadedFile(name, path.read_bytes(), content_type="video/mp4")
    return client.post("/", {"frame_count": 10, "video": upload})


Worker = Callable[[], Scan]


@pytest.fixture
def worker(one_connection: None, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """Does what a worker would do with the only scan there is."""
    monkeypatch.setattr("ml_app.services.scanning.scans.enqueue", lambda **message: True)
    monkeypatch.setattr("ml_app.services.enqueue", lambda **message: True)

    def work() -> Scan:
        scan = Scan.objects.get()
        tasks.analyse_scan(str(scan.pk))
        scan.refresh_from_db()
        return scan

    return work


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


def decoders() -> list[int]:
    """Decoding processes of ours that still run."""
    mine, found = f'"parent": {os.getpid()},'.encode(), []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mine in (path / "cmdline").read_bytes():
                found.append(int(path.name))
    return found


def nothing_is_left(settings: Any) -> None:
    assert not Video.objects.exists()
    assert not Scan.objects.exists()
    assert files(settings) == []
    assert decoders() == []


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(
    newcomer: Client, staff: Client, refused: dict[str, Path], kind: str, settings: Any
) -> None:
    """The same sentence on the page and on the command line, and nothing for the admin to show."""
    path, code = refused[kind], REFUSED[kind][1]
    if code == "too_large":
        settings.MAX_UPLOAD_MB = 1
    response = post(newcomer, path)
    assert response.status_code == (413 if code == "too_large" else 422)
    said = response.content.decode().split('id="video-errors"')[1].split("</div>")[0]
    assert MESSAGES[code] in said
    nothing_is_left(settings)
    assert "0 scans" in staff.get("/admin/ml_app/scan/").content.decode()

    if code == "too_large":  # what is only looked at here may be larger; what is to be kept may not
        _, err, status = analyze("--save", path)
        assert (err.strip().split("\n  "), status) == ([str(path), f"Not saved: {MESSAGES[code]}"], 1)
    else:
        out, err, status = analyze("--save", path)
        assert (out, err.strip().split("\n  "), status) == ("", [str(path), MESSAGES[code]], 1)
        out, err, status = analyze("--json", path)
        assert (json.loads(out)["error"]["code"], err, status) == (code, "", 1)
    nothing_is_left(settings)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ODD)
def test_what_is_odd_but_a_video(kind: str, odd: dict[str, Path], settings: Any, worker: Worker) -> None:
    """An answer on the page, in the admin and on the command line; once deleted, nothing is left."""
    path, reason = odd[kind], ODD[kind][1]
    client, desk = Client(), Client()
    desk.force_login(UserFactory(is_staff=True, is_superuser=True))
    response = post(client, path)
    assert response.status_code == 302
    scan = worker()
    assert scan.status == "done", (scan.error_code, scan.error_detail)
    page = client.get(response["Location"]).content.decode()
    admin = desk.get(f"/admin/ml_app/scan/{scan.pk}/change/").content.decode()
    out, err, status = analyze("--json", path)
    found = json.loads(out)
    assert (err, status, found["error"]) == ("", 0, None)
    if reason:
        assert (scan.verdict, scan.reason, scan.fake_probability) == ("not_analysable", reason, None)
        assert str(wording.REASONS[reason]) in page
        assert str(wording.REASONS[reason]) in admin
        assert (found["verdict"], found["reason"]) == ("not_analysable", reason)
    else:
        assert scan.verdict in ("real", "fake", "uncertain", "not_analysable")
        assert scan.faces.exists()
        assert found["faces"]
    if kind == "claims-a-century":
        assert scan.video.duration_s == pytest.approx(2.0, abs=0.1)
    client.post(f"/videos/{scan.video_id}/delete/")
    nothing_is_left(settings)


def flip(folder: Path) -> None:
    path = folder / "head-20.safetensors"
    path.write_bytes(path.read_bytes()[:-5] + b"\xff" + path.read_bytes()[-4:])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": shutil.rmtree,
    "empty": lambda folder: [path.unlink() for path in folder.iterdir()],
    "no-backbone": lambda folder: (folder / "backbone.safetensors").unlink(),
    "cut": lambda folder: os.truncate(folder / "head-20.safetensors", 300),
    "flipped": flip,
    "no-manifest": lambda folder: (folder / "manifest.json").unlink(),
    "text": lambda folder: (folder / "manifest.json").write_text("no JSON"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_weights_that_cannot_be_used(
    newcomer: Client, staff: Client, settings: Any, tmp_path: Path, clips: Clips, damage: str
) -> None:
    """The site says so and refuses, and so do the admin and the command line."""
    sentence = "weights are missing or damaged"
    scan = ScanFactory(done=True)
    models = tmp_path / "models"
    shutil.copytree(settings.MODELS_DIR, models)
    DAMAGES[damage](models / "standard")
    settings.MODELS_DIR = models
    path = clips("clip.mp4", seconds=0.4)
    before = files(settings)

    page = newcomer.get("/").content.decode()
    assert "No video can be analysed at the moment" in page
    assert sentence in page
    response = post(newcomer, path)
    assert response.status_code == 503
    assert sentence in response.content.decode()
    rerun = {"action": "rerun", "_selected_action": [scan.pk]}
    assert sentence in staff.post("/admin/ml_app/scan/", rerun, follow=True).content.decode()
    with pytest.raises(CommandError) as refusal:
        analyze("--save", path)
    assert len(str(refusal.value)) > 20
    assert (list(Scan.objects.all()), files(settings), decoders()) == ([scan], before, [])


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
    newcomer: Client, staff: Client, clips: Clips, settings: Any, name: str, kept: str
) -> None:
    response = post(newcomer, clips("clip.mp4", seconds=0.4), name=name)
    assert response.status_code == 302
    video = Video.objects.get()
    assert video.original_name == kept
    assert [path.parent for path in files(settings)] == [Path(settings.MEDIA_ROOT) / "videos" / str(video.pk)]
    assert files(settings)[0].name in ("original.mp4", "original.exe", "original")
    page = newcomer.get(urlsplit(response["Location"]).path).content.decode()
    assert "<script>alert" not in page
    assert "<script>alert" not in staff.get("/admin/ml_app/scan/").content.decode()
    media = newcomer.get(f"/scans/{Scan.objects.get().pk}/video")
    assert media.status_code == 200
    assert "\n" not in media["Content-Disposition"]


def test_a_name_with_an_emoji_on_the_command_line(clips: Clips, tmp_path: Path, db: None) -> None:
    path = tmp_path / ("😀" * 60 + ".mp4")
    shutil.copy(clips("clip.mp4", seconds=0.4), path)
    out, _, status = analyze("--save", path)
    assert status == 0
    assert str(path) in out
    assert Video.objects.get().original_name == path.name


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
    clips: Clips, settings: Any, worker: Worker, tmp_path: Path
) -> None:
    settings.MAX_ATTEMPTS = 1
    client, desk = Client(), Client()
    desk.force_login(UserFactory(is_staff=True, is_superuser=True))
    path = clips("talk.mp4", seconds=1)
    response = post(client, path)
    (video,) = files(settings)
    with room_for(100):
        scan = worker()
    assert (scan.status, scan.error_code) == ("failed", "disk_full")
    assert "no room" in client.get(response["Location"]).content.decode()
    assert "no room" in desk.get(f"/admin/ml_app/scan/{scan.pk}/change/").content.decode()
    assert files(settings) == [video], "no picture is left"
    with room_for(100):
        _, err, status = analyze("--save", path)
    assert "Not saved: There is no room for the file" in err
    assert status == 1
    assert (files(settings), Video.objects.count()) == ([video], 1)
