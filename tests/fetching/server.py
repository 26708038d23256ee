"""A real web server on 127.0.0.1 that plays what links lead to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Play = Callable[[BaseHTTPRequestHandler], None]


class Host:
    """Answers each path as it was told to, until `close`; what was asked for is written down."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.plays: dict[str, Play] = {}
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                play = outer.plays.get(self.path.partition("?")[0], missing)
                try:
                    play(self)
                except OSError:  # whoever asked has gone
                    self.close_connection = True

            do_HEAD = do_GET  # noqa: N815 - as the library calls it

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def gives(self, path: str, body: bytes, kind: str = "video/mp4", **headers: str) -> str:
        """A path that answers with this; its address."""
        return self.plays_as(path, lambda handler: answer(handler, body, kind, headers))

    def leads(self, path: str, target: str, status: int = 302) -> str:
        """A path that redirects."""

        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Location", target)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return self.plays_as(path, redirect)

    def fails(self, path: str, status: int) -> str:
        """A path that answers with an error."""

        def refuse(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return self.plays_as(path, refuse)

    def drips(self, path: str, part: bytes, pause_s: float, **headers: str) -> str:
        """A path whose body never ends."""

        def drip(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "video/mp4")
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            while not self.over.wait(pause_s):
                handler.wfile.write(part)

        return self.plays_as(path, drip)

    def plays_as(self, path: str, play: Play) -> str:
        self.plays[path] = play
        return f"{self.url}{path}"


def answer(
    handler: BaseHTTPRequestHandler, body: bytes, kind: str, headers: Mapping[str, str] | None = None
) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in (headers or {}).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(body)


def missing(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(404)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
