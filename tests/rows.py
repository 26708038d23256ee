"""Rows to start from, a private media folder, and a queue that only notes what was sent."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from ml_app.detection.checkpoints.manifest import sha256_of
from ml_app.detection.findings import (
    Box,
    DetectorInfo,
    Evidence,
    FaceFinding,
    FaceFrameFinding,
    Findings,
    Reason,
    Seconds,
    Verdict,
    VideoInfo,
)
from ml_app.models import Scan, Video

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """MEDIA_ROOT of this test."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the scans that were sent to the broker, which is not there."""
    from deepfake_site.celery import app

    ids: list[str] = []
    monkeypatch.setattr(app, "send_task", lambda name, args, **options: ids.append(args[0]))
    return ids


@pytest.fixture
def video(db: None) -> Video:
    """A video whose file is not on the disk."""
    return make_video()


def make_video(**values: Any) -> Video:
    number = next(_numbers)
    return Video.objects.create(
        **{
            "owner": "visitor:a",
            "original_name": "talk.mp4",
            "sha256": f"{number:064x}",
            "size": 1,
            "file": f"videos/{number}/original.mp4",
            **values,
        }
    )


@pytest.fixture
def scan(video: Video) -> Scan:
    """A waiting scan."""
    return make_scan(video)


def make_scan(video: Video, **values: Any) -> Scan:
    return Scan.objects.create(
        **{
            "video": video,
            "owner": video.owner,
            "frame_count": 10,
            "detector_name": "standard",
            **values,
        }
    )


@pytest.fixture
def claimed(scan: Scan) -> Scan:
    """A scan that the worker "me" analyses."""
    assert Scan.objects.claim(scan.pk, worker="me", lease=timedelta(seconds=60))
    scan.refresh_from_db()
    return scan


@pytest.fixture
def weights(settings: Settings, tmp_path: Path) -> Path:
    """The folder of a detector for 10 and 40 frames that can be described, though not run."""
    settings.MODELS_DIR, settings.DETECTOR = tmp_path / "models", "standard"
    folder = tmp_path / "models" / "standard"
    folder.mkdir(parents=True)
    preprocessing = {"image_size": 64, "margin": 1.2}
    common = {"format": 1, "name": "standard", "version": "3", "preprocessing": preprocessing}
    files: dict[str, Any] = {}
    for name, entry, own in (
        ("backbone.safetensors", {"kind": "backbone"}, {"kind": "backbone", "backbone": "x"}),
        *(
            (
                f"head-{count}.safetensors",
                {"kind": "head", "frame_count": count},
                {
                    "kind": "head",
                    "architecture": "x",
                    "frame_count": count,
                    "backbone_sha256": "0" * 64,
                    "dimensions": {},
                },
            )
            for count in (10, 40)
        ),
    ):
        header = json.dumps({"__metadata__": {"checkpoint": json.dumps({**common, **own})}}).encode()
        (folder / name).write_bytes(struct.pack("<Q", len(header)) + header)
        files[name] = {**entry, "sha256": sha256_of(folder / name), "bytes": 8 + len(header)}
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "files": files}))
    return folder


@pytest.fixture
def findings() -> Callable[..., Findings]:
    """Makes findings with so many people, each in so many frames."""

    def make(people: int = 2, frames: int = 3) -> Findings:
        return Findings(
            video=VideoInfo("mp4", "h264", 640, 360, 4.0, 25.0, 100, 0, False),
            detector=DetectorInfo("standard", "3", "resnext50_lstm", 10, "ab" * 32),
            verdict=Verdict.FAKE,
            reason=Reason.NONE,
            fake_probability=0.9,
            evidence=Evidence.STRONG,
            threshold=0.5,
            uncertain_band=(0.4, 0.6),
            frames_requested=10,
            frames_analysed=frames,
            frames_with_faces=frames,
            faces=tuple(_face(number + 1, frames) for number in range(people)),
            device="cpu",
            seconds=Seconds(total=1.5, decode=0.25),
            notes=("fewer_frames_than_requested",),
        )

    return make


def _face(number: int, frames: int) -> FaceFinding:
    return FaceFinding(
        id=number,
        verdict=Verdict.FAKE,
        reason=Reason.NONE,
        fake_probability=0.9,
        evidence=Evidence.STRONG,
        frames=tuple(
            FaceFrameFinding(
                time_s=index / 2,
                box=Box(10, 20, 110, 140),
                fake_probability=0.5 + index / 100,
                sharpness=100.0,
                brightness=120.0,
                thumbnail=b"jpeg %d %d" % (number, index),
                heatmap=b"png" if index == 0 else None,
            )
            for index in range(frames)
        ),
    )


@pytest.fixture
def commits(django_capture_on_commit_callbacks: Any) -> Iterator[Callable[..., Any]]:
    """`with commits():` runs what waits for the commit at its end."""
    yield lambda: django_capture_on_commit_callbacks(execute=True)
