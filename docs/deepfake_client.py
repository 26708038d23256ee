"""A client of the site's API in one file, with nothing but Python 3.11: copy it into your own project.

    DEEPFAKE_TOKEN=dfd_… python deepfake_client.py --url http://127.0.0.1:8000 clip.mp4

or from Python:

    client = Client("http://127.0.0.1:8000", token)
    scan = client.wait(client.upload("clip.mp4", frame_count=40)["id"])
    print(scan["words"], scan["fake_probability"])

docs/api.md explains what comes back.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

UNFINISHED = ("queued", "running")
TRY_AGAIN = (429, 503)  # the server is busy, and says for how long
CHUNK = 1 << 20


class ApiError(Exception):
    """The server refused. `code` is stable, `detail` a sentence, `status` that of HTTP."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem.get('code', status)}: {problem.get('detail', '')}")
        self.status = status
        self.code = str(problem.get("code", ""))
        self.detail = str(problem.get("detail", ""))
        self.errors = problem.get("errors", {})


class Client:
    """Asks one site with one token."""

    def __init__(self, url: str, token: str = "", *, patience_s: float = 600.0, language: str = "en") -> None:
        """`patience_s`: for how long a busy server is asked again."""
        self._base = f"{url.rstrip('/')}/api/v1/"
        self._patience_s = patience_s
        self._headers = {"Accept": "application/json", "Accept-Language": language}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def upload(self, path: str | Path, **wishes: Any) -> dict[str, Any]:
        """Send a video and order its scan; `frame_count` and `detector` may be chosen.

        The file is streamed. A lost answer or a full queue costs nothing: it is sent again with the same key,
        so that the scan is ordered once.
        """
        boundary, file = uuid.uuid4().hex, Path(path)
        head = b"".join(_field(boundary, name, value) for name, value in wishes.items())
        head += _file_header(boundary, "file", file.name)
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + file.stat().st_size + len(tail)),
        }
        return self._post("scans", lambda: _Body(head, file, tail), headers)

    def link(self, url: str, **wishes: Any) -> dict[str, Any]:
        """Order the scan of what a link leads to; the site fetches it."""
        return self._post_json("scans", {"url": url, **wishes})

    def scan(self, scan: str) -> dict[str, Any]:
        """A scan as it stands."""
        return self._object("GET", f"scans/{scan}")

    def wait(self, scan: str, *, every_s: float = 1.0) -> dict[str, Any]:
        """The scan once it has ended: done, failed or cancelled."""
        while (found := self.scan(scan))["status"] in UNFINISHED:
            time.sleep(every_s)
        return found

    def scans(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """All of one's own scans, newest first: `status="done"`, `since="2026-01-31"`, …"""
        query = urllib.parse.urlencode(filters)
        address: str | None = f"{self._base}scans?{query}"
        while address:
            page = self._object("GET", address)
            yield from page["results"]
            address = page["next"]

    def rerun(self, scan: str, **wishes: Any) -> dict[str, Any]:
        """Order another scan of the same video."""
        return self._post_json(f"scans/{scan}/rerun", wishes)

    def cancel(self, scan: str) -> dict[str, Any]:
        """Stop a scan."""
        return self._post_json(f"scans/{scan}/cancel", {})

    def review(self, scan: str, decision: str, note: str = "") -> dict[str, Any]:
        """Decide: confirmed_fake, confirmed_genuine, cannot_tell or not_a_face_video."""
        return self._post_json(f"scans/{scan}/reviews", {"decision": decision, "note": note})

    def delete(self, scan: str, *, video: bool = False) -> None:
        """Delete a scan; with `video` its file as well, and with it all other scans of it."""
        self._ask("DELETE", f"scans/{scan}?video={str(video).lower()}", None, {})

    def faces(self, scan: str) -> list[dict[str, Any]]:
        """The persons of a scan, with their frames and links to pictures."""
        found: list[dict[str, Any]] = json.loads(self._ask("GET", f"scans/{scan}/faces", None, {}))
        return found

    def download(self, address: str) -> bytes:
        """A thumbnail, a heatmap or a video, by its link."""
        return self._ask("GET", address, None, {})

    def detectors(self) -> list[dict[str, Any]]:
        """The installed detectors, with what was measured of each."""
        found: list[dict[str, Any]] = json.loads(self._ask("GET", "detectors", None, {}))
        return found

    def me(self) -> dict[str, Any]:
        """Who this token is, and what may be sent."""
        return self._object("GET", "me")

    def _object(self, method: str, address: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._ask(method, address, None, {}))
        return found

    def _post_json(self, address: str, content: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(content).encode()
        return self._post(address, lambda: body, {"Content-Type": "application/json"})

    def _post(self, address: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
        headers = {**headers, "Idempotency-Key": str(uuid.uuid4())}
        until = time.monotonic() + self._patience_s
        while True:
            try:
                found: dict[str, Any] = json.loads(self._ask("POST", address, body(), headers))
                return found
            except BusyError as busy:
                if time.monotonic() + busy.seconds > until:
                    raise
                time.sleep(busy.seconds)
            except urllib.error.URLError:  # the connection was lost: the key makes asking again harmless
                if time.monotonic() + 1.0 > until:
                    raise
                time.sleep(1.0)

    def _ask(self, method: str, address: str, body: Any, headers: dict[str, str]) -> bytes:
        url = urllib.parse.urljoin(self._base, address)
        if not url.startswith(self._base):  # the token is for this site alone
            raise ValueError(f"{address} is not below {self._base}")
        request = urllib.request.Request(url, body, {**self._headers, **headers}, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=300) as response:  # noqa: S310
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            problem = _problem(error)
            if error.code in TRY_AGAIN:
                raise BusyError(error.code, problem, float(error.headers.get("Retry-After") or 5)) from error
            raise ApiError(error.code, problem) from error


class BusyError(ApiError):
    """The server has no room just now; it may after `seconds`."""

    def __init__(self, status: int, problem: dict[str, Any], seconds: float) -> None:
        super().__init__(status, problem)
        self.seconds = seconds


def _problem(error: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        found = json.loads(error.read())
    except ValueError:  # a proxy in between speaks HTML
        found = None
    return found if isinstance(found, dict) else {"code": str(error.code), "detail": error.reason}


def _field(boundary: str, name: str, value: Any) -> bytes:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def _file_header(boundary: str, field: str, name: str) -> bytes:
    harmless = name.replace("\\", "_").replace('"', "_").replace("\r", "_").replace("\n", "_")
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{harmless}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()


class _Body:
    """A form with a file that is never held in memory."""

    def __init__(self, head: bytes, file: Path, tail: bytes) -> None:
        self._head, self._path, self._tail = head, file, tail

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        file: BinaryIO
        with self._path.open("rb") as file:
            while data := file.read(CHUNK):
                yield data
        yield self._tail


def main() -> int:
    """Scan the files that are named; exit status 1 when any could not be."""
    parser = argparse.ArgumentParser(description="Scan videos on a site of the deepfake detector.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--url", default=os.environ.get("DEEPFAKE_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--frames", type=int, help="how many frames to look at")
    options = parser.parse_args()
    client = Client(options.url, os.environ.get("DEEPFAKE_TOKEN", ""))
    wishes = {"frame_count": options.frames} if options.frames else {}
    failures = 0
    for file in options.files:
        try:
            scan = client.wait(client.upload(file, **wishes)["id"])
        except (ApiError, OSError) as error:
            failures += 1
            sys.stderr.write(f"{file}: {error}\n")
            continue
        if scan["status"] != "done":
            failures += 1
            sys.stderr.write(f"{file}: {(scan['error'] or {}).get('message', scan['status'])}\n")
            continue
        sys.stdout.write(json.dumps({**scan["findings"], "file": str(file)}, ensure_ascii=False) + "\n")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
