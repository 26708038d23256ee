"""Somebody with curl and a jar of cookies."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` is 0 if nothing did; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class Visitor:
    """Asks one address, as one browser would."""

    def __init__(self, address: str, folder: Path, name: str = "visitor", *options: str) -> None:
        """`options` are given to curl each time."""
        self.address, self._options = address, options
        self._jar, self._body = folder / f"{name}.cookies", folder / f"{name}.body"

    def get(self, path: str, *options: str, seconds: float = 60) -> Answer:
        """Ask for a path, with more of curl's options."""
        self._body.unlink(missing_ok=True)
        command = ["curl", "--silent", "--max-time", str(seconds), "--cookie", str(self._jar)]
        command += ["--cookie-jar", str(self._jar), "--output", str(self._body), "--dump-header", "-"]
        done = subprocess.run(
            [*command, *self._options, *options, self.address + path], capture_output=True, check=False
        )
        # Of several answers (100 Continue, redirects that were followed) the last one counts.
        last = done.stdout.decode(errors="replace").replace("\r\n", "\n").strip().split("\n\n")[-1]
        first, *lines = last.split("\n")
        status = re.match(r"HTTP/\S+ (\d+)", first)
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = self._body.read_bytes() if self._body.exists() else b""
        whole = done.returncode in (0, 55, 56)  # an answer may come before all was sent
        return Answer(int(status[1]) if status and whole else 0, headers, body)

    def post(self, path: str, *fields: str, seconds: float = 60) -> Answer:
        """Send a form, with the token of the page that shows it. A field with a file is `name=@path`."""
        page = self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        if token is None:
            return page
        sent = [part for field in (f"csrfmiddlewaretoken={token[1]}", *fields) for part in ("--form", field)]
        return self.get(path, *sent, "--header", f"Referer: {self.address}{path}", seconds=seconds)

    def upload(self, clip: Path, frames: int = 10, seconds: float = 120) -> str:
        """Send a video. Returns the path of its scan; "" if the site did not take it just now."""
        answer = self.post("/", f"video=@{clip}", f"frame_count={frames}", seconds=seconds)
        return answer.headers.get("location", "") if answer.status == 302 else ""


def unique_copy(clip: Path, number: int, folder: Path, size: int = 0) -> Path:
    """A copy of an MP4 with other bytes: a box that players skip holds the number, and fills up to `size`."""
    path = folder / f"{clip.stem}-{number}.mp4"
    content = clip.read_bytes()
    box = max(24, size - len(content))
    with path.open("wb") as file:
        file.write(content)
        # A length of 1 says that the true one, of 64 bits, follows the name.
        file.write((1).to_bytes(4) + b"free" + box.to_bytes(8) + number.to_bytes(8))
        file.truncate(len(content) + box)
    return path
