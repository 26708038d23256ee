"""The embedded broker: whole messages, each taken once, in order, and none left behind."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest
from kombu import Connection

from deepfake_site.broker import Transport


@pytest.fixture(autouse=True)
def _forget_bindings() -> None:
    """kombu remembers for the whole process which queues it has bound, whatever the folder."""
    Transport.global_state.clear()


def _connect(folder: Path) -> Connection:
    options = {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(folder / "control"),
    }
    return Connection("filesystem://localhost//", transport=Transport, transport_options=options)


def test_messages_arrive_in_order_and_leave_nothing(tmp_path: Path) -> None:
    with _connect(tmp_path) as sender, _connect(tmp_path) as receiver:
        queue = sender.SimpleQueue("scans")
        for number in range(20):
            queue.put({"number": number})
        assert len(list(tmp_path.glob("*.msg"))) == 20
        other = receiver.SimpleQueue("scans")
        assert other.qsize() == 20
        received = []
        for _ in range(20):
            message = other.get(timeout=60)
            message.ack()
            received.append(message.payload["number"])
        assert received == list(range(20))
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".exchange"]


def test_each_message_is_taken_once(tmp_path: Path) -> None:
    """Receivers that look while a sender writes: a half written message would be an error in one of them."""
    received: list[int] = []
    all_sent = threading.Event()

    def receive() -> None:
        with _connect(tmp_path) as connection:
            queue = connection.SimpleQueue("scans")
            while not (all_sent.is_set() and queue.qsize() == 0):
                with contextlib.suppress(queue.Empty):
                    message = queue.get(timeout=0.2)
                    message.ack()
                    received.append(message.payload["number"])

    receivers = [threading.Thread(target=receive) for _ in range(3)]
    with _connect(tmp_path) as connection:
        queue = connection.SimpleQueue("scans")
        for thread in receivers:
            thread.start()
        for number in range(200):
            queue.put({"number": number, "ballast": "x" * 20_000})
        all_sent.set()
    for thread in receivers:
        thread.join()
    assert sorted(received) == list(range(200))


def test_rubbish_in_the_folder_is_passed_over(tmp_path: Path) -> None:
    with _connect(tmp_path) as connection:
        queue = connection.SimpleQueue("scans")
        (tmp_path / "00000000000000000001_x.scans.msg").write_text("")
        queue.put({"number": 1})
        assert queue.get(timeout=60).payload == {"number": 1}
