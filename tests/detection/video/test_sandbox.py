"""The decoding process: its limits hold, and whatever becomes of it, the parent gets an error and goes on."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ml_app.detection.checkpoints.metadata import Sampling
from ml_app.detection.errors import VideoError
from ml_app.detection.findings import Limits
from ml_app.detection.video import decoder_process, sandbox
from ml_app.detection.video.opening import Video, open_video, probe
from tests.media import Clips, loop_clip
from tests.waiting import wait_for

LIMITS = Limits()
EVEN = Sampling("even")


@pytest.fixture(scope="module")
def clip(clips: Clips) -> Path:
    """More frames than fit into a pipe."""
    return clips("sandbox.mp4", seconds=4, size=(640, 480))


def child_of(video: Video) -> int:
    return video._sandbox.pid


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:  # it may go while it is read
        return False


def waits(pid: int) -> bool:
    """Whether a process sleeps within a read or write of a pipe."""
    return "pipe" in Path(f"/proc/{pid}/wchan").read_text()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGSEGV, "decoder_crashed"),
        (signal.SIGABRT, "decoder_crashed"),
        (signal.SIGKILL, "decoder_out_of_memory"),
        (signal.SIGXCPU, "decoder_timeout"),
    ],
)
def test_a_dead_child_is_an_error(clip: Path, number: signal.Signals, code: str) -> None:
    with open_video(clip) as video:
        frames = video.frames(EVEN, 100)
        next(frames)
        os.kill(child_of(video), number)
        with pytest.raises(VideoError) as caught:
            list(frames)
    assert caught.value.code == code
    assert not alive(child_of(video))


def test_a_child_that_hangs_is_ended(clip: Path) -> None:
    with open_video(clip) as video:
        frames = video.frames(EVEN, 100)
        next(frames)
        os.kill(child_of(video), signal.SIGSTOP)
        # Only from now on: its start takes long on a busy machine.
        video._sandbox._wall_seconds = video._sandbox._waited + 1.0
        with pytest.raises(VideoError) as caught:
            list(frames)
    assert caught.value.code == "decoder_timeout"
    wait_for(lambda: not alive(child_of(video)), "the child ends")


def test_the_time_that_the_caller_takes_does_not_count(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0.0
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + taken)
    monkeypatch.setattr(sandbox, "time", clock)
    started = time.monotonic()
    with open_video(clip) as video:
        frames = video.frames(EVEN, 20)
        next(frames)
        taken = 2 * video._sandbox._wall_seconds
        wait_for(lambda: waits(child_of(video)), "the child waits for us")
        time.sleep(0.5)  # the child has a clock of its own
        assert len(list(frames)) == 19
        assert video.decode_seconds < time.monotonic() - started - 0.5


def test_processor_time_is_limited(clips: Clips, tmp_path: Path) -> None:
    part = clips("work.mp4", seconds=2, size=(1280, 720), options={"preset": "ultrafast"}, people=0)
    path = loop_clip(part, tmp_path / "minute.mp4", 30)
    with (
        pytest.raises(VideoError) as caught,
        open_video(path, dataclasses.replace(LIMITS, cpu_seconds=1)) as video,
    ):
        list(video.frames(EVEN, 1500, max_side=None))
    assert caught.value.code == "decoder_timeout"


def test_memory_is_limited(clips: Clips) -> None:
    path = clips("big.mp4", seconds=0.2, size=(3840, 2160), people=0)
    for megabytes in (240, 280, 300):
        tight = dataclasses.replace(LIMITS, memory_bytes=megabytes * 1024**2)
        with pytest.raises(VideoError) as caught, open_video(path, tight) as video:
            list(video.frames(EVEN, 5))
        assert caught.value.code == "decoder_out_of_memory"
    with open_video(path) as video:
        assert len(list(video.frames(EVEN, 5))) == 5


def test_nothing_is_left_behind(clip: Path) -> None:
    probe(clip)  # the server stays
    before = {link.name for link in Path("/proc/self/fd").iterdir()}
    with open_video(clip) as video:
        next(video.frames(EVEN, 10))
        assert alive(child_of(video))
    assert not Path(f"/proc/{child_of(video)}").exists()
    with pytest.raises(ZeroDivisionError), open_video(clip) as video:
        raise ZeroDivisionError
    assert not Path(f"/proc/{child_of(video)}").exists()
    assert {link.name for link in Path("/proc/self/fd").iterdir()} == before


def test_a_child_waits_instead_of_decoding_ahead(clip: Path) -> None:
    with open_video(clip) as video:
        frames = video.frames(EVEN, 100)
        next(frames)
        wait_for(lambda: waits(child_of(video)), "the child waits for us")
        next(frames)
        assert video.decoded_frames < 50


def test_a_server_that_was_killed_is_started_again(clip: Path) -> None:
    probe(clip)
    server = decoder_process._server._process
    assert server
    with open_video(clip) as video:
        frames = video.frames(EVEN, 100)
        next(frames)
        server.kill()
        with pytest.raises(VideoError) as caught:  # its children are not left alone
            list(frames)
    assert caught.value.code == "decoder_crashed"
    assert probe(clip).codec == "h264"
    assert decoder_process._server._process is not server


def test_a_server_that_is_killed_with_a_request_in_its_hands_loses_nothing(clip: Path) -> None:
    probe(clip)
    server = decoder_process._server._process
    assert server
    server.send_signal(signal.SIGSTOP)  # what is sent from now on is not read
    killer = threading.Timer(0.3, server.kill)
    killer.start()
    assert probe(clip).codec == "h264"
    killer.join()


def test_a_process_forked_from_ours_has_a_server_of_its_own(clip: Path) -> None:
    probe(clip)
    here = decoder_process._server._process
    assert here
    asked = os.fork()
    if asked == 0:
        status = 1
        try:
            probe(clip)
            there = decoder_process._server._process
            status = int(there is None or there.pid == here.pid)
        finally:
            os._exit(status)
    assert os.waitpid(asked, 0)[1] == 0
    assert here.poll() is None
    assert probe(clip).codec == "h264"


def test_the_server_ends_with_its_parent(clip: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ml_app.detection.video import decoder_process, opening;"
        "opening.probe(Path(sys.argv[1])); print(decoder_process._server._process.pid, flush=True); input()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(clip)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout and parent.stdin
    server = int(parent.stdout.readline())
    assert alive(server)
    parent.kill()
    parent.communicate()
    wait_for(lambda: not alive(server), "the server ends")


@pytest.mark.parametrize("frozen", [False, True], ids=["working", "frozen"])
def test_a_child_dies_with_its_parent(clip: Path, frozen: bool) -> None:
    code = (
        "import sys, time; from pathlib import Path; from types import SimpleNamespace as Of;"
        "from ml_app.detection.video.opening import open_video\n"
        "with open_video(Path(sys.argv[1])) as video:\n"
        "    next(video.frames(Of(pattern='even', burst=1, burst_step_s=0.0), 100))\n"
        "    print(video._sandbox.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(clip)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    if frozen:
        os.kill(child, signal.SIGSTOP)
    assert alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not alive(child), "the child ends")


def test_the_child_gets_no_secret_no_file_and_little_code(
    clip: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET_KEY", "not for the decoder")
    with (tmp_path / "database").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        with open_video(clip) as video:
            process = Path(f"/proc/{child_of(video)}")
            assert b"not for the decoder" not in (process / "environ").read_bytes()
            opened = {str(link.readlink()) for link in (process / "fd").iterdir()}
            assert str(tmp_path / "database") not in opened
            assert {name for name in opened if name.startswith("/")} == {str(clip)}
            limits = (process / "limits").read_text()
            libraries = (process / "maps").read_text()
    for name, value in (("Max address space", 4 * 1024**3), ("Max file size", 0), ("Max core file size", 0)):
        line = next(line for line in limits.splitlines() if line.startswith(name))
        assert line.removeprefix(name).split()[0] == str(value)
    assert "libav" in libraries
    assert "torch" not in libraries


def test_probing_needs_no_torch_here_either() -> None:
    unwanted = "('torch', 'av', 'django')"
    code = f"import sys, ml_app.detection.video.opening; print([m for m in {unwanted} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


SIDE = 64
PICTURE = b"0" * (SIDE * SIDE * 3)
INFO: dict[str, Any] = {
    "container": "mov", "codec": "h264", "width": SIDE, "height": SIDE, "duration": 1.0, "frame_rate": 25.0,
    "frame_count": 25, "rotation": 0, "has_audio": False, "seconds": 0.1, "decoded": 1,
}  # fmt: skip


def message(header: object, payload: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(4) + text + payload


FRAME = message({"time": 0.5, "seconds": 0.2, "decoded": 2}, PICTURE)
DONE = message({"done": True, "seconds": 0.2, "decoded": 2})


def another_server(monkeypatch: pytest.MonkeyPatch, *command: str) -> None:
    """Let the next processes come from a server that another command starts."""
    server = decoder_process._Server()
    monkeypatch.setattr(decoder_process, "_COMMAND", command)
    monkeypatch.setattr(decoder_process, "_server", server)


def impostor(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    """Put a program that says `answer` in the place of the decoder."""
    another_server(
        monkeypatch,
        "-c",
        "import os, time\n"
        "from ml_app.detection.video.decoder.fork_server import ForkServer\n"
        f"ForkServer(lambda task: (os.write(1, {answer!r}), time.sleep(0.2))).serve()",
    )


def test_the_impostor_is_believed_while_it_keeps_to_the_protocol(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor(monkeypatch, message(INFO) + FRAME + DONE)
    with open_video(clip) as video:
        assert [frame.time_s for frame in video.frames(EVEN, 1)] == [0.5]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"\0\0\0\x05hello",
        message([1]),
        message({"error": "rm -rf", "detail": 3}),
        message(INFO | {"width": 0}),
        message(INFO | {"width": "8"}),
        message(INFO | {"height": 10**9}),
        message(INFO | {"duration": float("nan")}),
        message(INFO | {"duration": -1}),
        message({"seconds": 1}),
        message(INFO),
        message(INFO) + FRAME * 3 + DONE,
        message(INFO) + FRAME[:-1],
        message(INFO) + message({"time": 1e999, "seconds": 0, "decoded": 1}, PICTURE),
        message(INFO) + FRAME + message({"time": 0.1, "seconds": 0, "decoded": 1}, PICTURE) + DONE,
    ],
)
def test_nonsense_is_an_error(clip: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    impostor(monkeypatch, answer)
    with pytest.raises(VideoError) as caught, open_video(clip) as video:
        list(video.frames(EVEN, 2))
    assert caught.value.code == "decoder_crashed"


def test_a_child_that_cannot_start_says_why_without_paths(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_server(monkeypatch, *decoder_process._COMMAND)
    monkeypatch.setattr(decoder_process, "bare_environment", lambda: {"PYTHONPATH": "/nowhere"})
    with pytest.raises(VideoError) as caught, open_video(clip):
        pass
    assert caught.value.code == "decoder_crashed"
    assert "ml_app" in caught.value.detail
    assert "/" not in caught.value.detail


def test_a_machine_that_starts_no_more_processes_is_an_error(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_server(monkeypatch, *decoder_process._COMMAND)
    monkeypatch.setattr(decoder_process.sys, "executable", "/nowhere/python")
    with pytest.raises(VideoError) as caught, open_video(clip):
        pass
    assert caught.value.code == "decoder_crashed"
    assert "cannot start" in caught.value.detail
    assert "/" not in caught.value.detail


def test_several_videos_at_once(clip: Path) -> None:
    counts: list[int] = []

    def read() -> None:
        with open_video(clip) as video:
            counts.append(len(list(video.frames(EVEN, 20, max_side=64))))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [20] * 4
