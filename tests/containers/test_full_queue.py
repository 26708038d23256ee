"""A full queue says so through nginx while uploads are still coming in, and never by a torn connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.containers.stack import Stack
from tests.containers.visitor import Answer, Visitor, unique_copy

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

NewVisitor = Callable[..., Visitor]


@pytest.fixture
def full(stack: Stack, visitor: NewVisitor, clip: Path, tmp_path: Path) -> Iterator[None]:
    """Nobody works, and the one scan that fits waits."""
    usual = stack.settings.copy()
    # Not the limit of uploads by one address is tested here.
    stack.settings |= {"QUEUE_LIMIT": "1", "UPLOAD_RATE": "6000r/m", "UPLOADS_AT_ONCE": "100"}
    stack.up("--scale", "worker=0")
    try:
        assert visitor("first").upload(unique_copy(clip, 6000, tmp_path))
        yield
    finally:
        stack.settings = usual
        stack.up()
        stack.settled()


def test_large_uploads_read_that_the_queue_is_full(
    full: None, stack: Stack, visitor: NewVisitor, clip: Path, tmp_path: Path
) -> None:
    """Eight at a time, so that nginx is busy with others when the answer to one comes back."""
    large = unique_copy(clip, 6001, tmp_path, size=600 * 1024**2)

    def send(number: int) -> Answer:
        fields = ["--form", "frame_count=10", "--form", f"video=@{large}"]
        return visitor(f"late-{number}").get("/", *fields, "--header", "Expect:", seconds=120)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(80)))
    assert Counter(answer.status for answer in answers) == {503: 80}
    assert {answer.headers["retry-after"] for answer in answers} == {"60"}
    assert all("Too many videos wait" in answer.text for answer in answers)
    assert visitor("asks").get("/queue/").headers["retry-after"] == "60"
    listed = stack.run_in("web", "sh", "-c", "ls -A /data/media/incoming")
    assert listed == "", "nothing of them was kept"


def test_too_many_large_uploads_from_one_address(
    stack: Stack, visitor: NewVisitor, clip: Path, tmp_path: Path
) -> None:
    """nginx's own refusal, of a body that is larger than its error page would allow."""
    usual = stack.settings.copy()
    stack.settings |= {"UPLOAD_RATE": "1r/m"}
    stack.up("--no-deps", "proxy")
    large = unique_copy(clip, 6002, tmp_path, size=20 * 1024**2)
    fields = ["--form", "frame_count=10", "--form", f"video=@{large}"]
    answers = [visitor("eager").get("/", *fields) for _ in range(63)]
    stack.settings = usual
    stack.up("--no-deps", "proxy")
    assert answers[0].status == 403, "without the form's token"
    assert answers[-1].status == 429
    assert "Too many requests" in answers[-1].text
    assert answers[-1].headers["retry-after"]
