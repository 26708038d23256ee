"""What people and programs do during the load test: upload clips, look at pages, use the API."""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

from locust import HttpUser, between, events, task

CLIP = Path(os.environ["LOAD_CLIP"]).read_bytes()
TOKENS: list[str] = json.loads(os.environ["LOAD_TOKENS"])
PAUSE = float(os.environ["LOAD_PAUSE"])  # of a program, seconds
accepted: list[str] = []


@events.quitting.add_listener
def _tell(**kwargs: Any) -> None:
    Path(os.environ["LOAD_ACCEPTED"]).write_text(json.dumps(accepted))


class Uploader(HttpUser):
    """Somebody with many clips and no patience."""

    fixed_count = int(os.environ["LOAD_UPLOADERS"])
    wait_time = between(0.5, 1.5)

    @task
    def upload(self) -> None:
        page = self.client.get("/", name="page: upload")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        if token is None:
            return
        fields = {"csrfmiddlewaretoken": token[1], "frame_count": "10"}
        files = {"video": ("clip.mp4", CLIP + secrets.token_bytes(16), "video/mp4")}
        with self.client.post(
            "/", data=fields, files=files, name="upload", allow_redirects=False, catch_response=True
        ) as answer:
            if answer.status_code == 302:
                accepted.append(answer.headers["Location"].strip("/").rpartition("/")[2])
                answer.success()
            elif answer.status_code == 503 and answer.headers.get("Retry-After"):
                answer.request_meta["name"] = "upload: the queue is full"
                answer.success()
            else:
                answer.failure(f"{answer.status_code}")


class Reader(HttpUser):
    """Somebody who looks around."""

    fixed_count = int(os.environ["LOAD_READERS"])
    wait_time = between(0.5, 1.5)

    @task
    def look(self) -> None:
        for path in ("/", "/scans/", "/about/", "/models/"):
            self.client.get(path, name=f"page: {path}")


class Client(HttpUser):
    """A program with a token: it orders scans, asks how they stand, and reads lists and findings."""

    fixed_count = len(TOKENS)
    wait_time = between(0.5 * PAUSE, 1.5 * PAUSE)

    def on_start(self) -> None:
        self.client.headers["Authorization"] = f"Bearer {TOKENS.pop()}"
        self._mine: list[str] = []

    @task(3)
    def ask(self) -> None:
        if self._mine:
            self.client.get(f"/api/v1/scans/{self._mine[-1]}", name="api: GET a scan")

    @task(2)
    def read(self) -> None:
        for path in ("scans", "scans?status=done&page_size=100", "me", "detectors"):
            self.client.get(f"/api/v1/{path}", name=f"api: GET {path}")

    @task(1)
    def order(self) -> None:
        files = {"file": ("clip.mp4", CLIP + secrets.token_bytes(16), "video/mp4")}
        with self.client.post(
            "/api/v1/scans",
            data={"frame_count": "10"},
            files=files,
            headers={"Idempotency-Key": secrets.token_hex(16)},
            name="api: POST a scan",
            catch_response=True,
        ) as answer:
            if answer.status_code == 202:
                self._mine.append(answer.json()["id"])
                accepted.append(self._mine[-1])
                answer.success()
            elif answer.status_code in (429, 503) and answer.headers.get("Retry-After"):
                answer.request_meta["name"] = f"api: POST, refused with {answer.status_code}"
                answer.success()
            else:
                answer.failure(f"{answer.status_code}: {answer.text[:100]}")
