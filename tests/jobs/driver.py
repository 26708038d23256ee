"""A process of the site that does what the tests tell it, a JSON line at a time: it stands in for people."""

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deepfake_site.settings")

import django

django.setup()

# ruff: noqa: E402 - after the set-up
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.db import connection

from ml_app import services
from ml_app.jobs import sweeper
from ml_app.models import Face, FaceFrame, Scan, Video, Worker


def upload(path: str, owner: str) -> str:
    with Path(path).open("rb") as file:
        received = UploadedFile(File(file), Path(path).name)
        video, _ = services.receive_video(upload=received, owner=owner, user=None)
    return str(video.pk)


def order(video: str, frames: int, queue: str | None = None) -> str:
    scan, _ = services.request_scan(video=Video.objects.get(pk=video), frame_count=frames, queue=queue)
    return str(scan.pk)


def cancel(scan: str) -> None:
    services.cancel_scan(scan=Scan.objects.get(pk=scan))


def row(scan: str) -> dict[str, Any]:
    return Scan.objects.filter(pk=scan).values(
        *("status", "stage", "worker", "attempts", "error_code", "error_detail", "verdict", "progress_done")
    )[0]


def started(scan: str) -> float:
    """When its last attempt began, seconds."""
    moment = Scan.objects.get(pk=scan).started_at
    assert moment is not None
    return moment.timestamp()


def faces(scan: str) -> dict[str, Any]:
    frames = FaceFrame.objects.filter(face__scan=scan)
    media = Path(os.environ["MEDIA_ROOT"])
    named = {name for pair in frames.values_list("thumbnail", "heatmap") for name in pair if name}
    on_disk = {file.relative_to(media).as_posix() for file in (media / "scans" / scan).rglob("*.*")}
    return {
        "numbers": sorted(Face.objects.filter(scan=scan).values_list("number", flat=True)),
        "frames": frames.count(),
        "named": sorted(named),
        "on_disk": sorted(on_disk),
    }


def videos() -> int:
    return Video.objects.count()


def workers() -> list[str]:
    return list(Worker.objects.alive().values_list("name", flat=True))


def sweep() -> dict[str, int]:
    swept = sweeper.sweep()
    return {"expired": swept.expired, "sent": swept.sent, "files": swept.files}


def purge(video: str) -> int:
    return services.purge_media(video=Video.objects.get(pk=video))


def delete(video: str) -> None:
    services.delete_video(video=Video.objects.get(pk=video))


def queued_without_file() -> int:
    return Scan.objects.active().filter(video__file="").count()


def claim(scan: str, seconds: float = 60) -> bool:
    return Scan.objects.claim(scan, worker=secrets.token_hex(4), lease=timedelta(seconds=seconds))


def together(*commands: list[Any]) -> list[Any]:
    """Do all of these at the same moment, each in a thread of its own. Their results, or errors as text."""
    start = threading.Barrier(len(commands))

    def run(command: list[Any]) -> Any:
        connection.ensure_connection()
        start.wait()
        try:
            return COMMANDS[command[0]](*command[1:])
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(run, commands))


def die(scan: str) -> int:
    """A process claims the scan and is killed. Returns its status."""
    program = (
        "import os, signal, sys, django; django.setup(); from datetime import timedelta; "
        "from ml_app.models import Scan; lease = timedelta(seconds=1); "
        "assert Scan.objects.claim(sys.argv[1], worker=f'doomed {os.getpid()}', lease=lease); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    return subprocess.run([sys.executable, "-c", program, scan], check=False).returncode


COMMANDS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        *(upload, order, cancel, row, started, faces, videos, workers, sweep, die),
        *(purge, delete, queued_without_file, claim, together),
    )
}

if __name__ == "__main__":
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"result": COMMANDS[name](*arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)  # noqa: T201
