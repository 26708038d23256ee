"""What was judged before is not judged again, as long as nothing changed that could change the judgement."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import ml_app.detection

PACKAGES = ("av", "dlib-bin", "numpy", "opencv-python-headless", "pillow", "torch", "torchvision")


class Cache:
    """JSON records on disk, in a folder of their own for each detector, frame count and state of the code."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """`folder`: of all caches. `settings`: whatever the records depend on besides their keys."""
        text = json.dumps([dict(settings), code_fingerprint()], sort_keys=True, default=str)
        self.folder = folder / hashlib.sha256(text.encode()).hexdigest()[:16]

    def get(self, *key: str) -> Any:
        """A record, or None. One that cannot be read counts as none."""
        try:
            return json.loads(self._path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def put(self, record: Any, *key: str) -> None:
        """Keep a record; it appears whole or not at all."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        partial.write_text(json.dumps(record), encoding="utf-8")
        partial.replace(path)

    def kept(self, make: Callable[[], Any], *key: str) -> Any:
        """A record, made where there is none."""
        record = self.get(*key)
        if record is None:
            record = make()
            self.put(record, *key)
        return record

    def _path(self, key: tuple[str, ...]) -> Path:
        return self.folder / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}.json"


@cache
def code_fingerprint() -> str:
    """A hash of the detector's source and of the versions of what it is built on."""
    digest = hashlib.sha256()
    root = Path(ml_app.detection.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    for package in PACKAGES:
        digest.update(f"{package} {installed(package)}\0".encode())
    return digest.hexdigest()


def installed(package: str) -> str:
    """The version of an installed package; empty where it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
