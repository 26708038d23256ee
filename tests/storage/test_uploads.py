"""The upload handler: streams, hashes, and stops as soon as it knows that the file is too large."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.test import RequestFactory
from pytest_django import Settings

from ml_app.errors import ServiceError
from ml_app.storage.uploads import IncomingFile, harmless_suffix, spool, uploaded_files

MIB = 1024**2


def _post(content: bytes, **fields: Any) -> HttpRequest:
    data = {**fields, "file": SimpleUploadedFile("talk.mp4", content, "video/mp4")}
    return RequestFactory().post("/", data)


def _incoming(media: Path) -> list[Path]:
    return list((media / "incoming").glob("*"))


def test_a_file_is_hashed_while_it_arrives(media: Path) -> None:
    content = bytes(range(256)) * 1000
    request = _post(content, frames="40")
    file = uploaded_files(request, "file")[0]
    assert isinstance(file, IncomingFile)
    assert (file.name, file.size) == ("talk.mp4", len(content))
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert file.path.read_bytes() == content == b"".join(file.chunks())
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert request.POST["frames"] == "40"
    assert spool(file) is file
    request.close()
    assert _incoming(media) == []


def test_no_file() -> None:
    with pytest.raises(ServiceError) as refused:
        uploaded_files(RequestFactory().post("/", {"frames": "40"}), "file")
    assert refused.value.code == "no_file"


def test_an_empty_file_arrives(media: Path) -> None:
    file = uploaded_files(_post(b""), "file")[0]
    assert file.size == 0
    file.close()


@pytest.mark.parametrize("surplus", [1, 200 * 1024])
def test_too_large(media: Path, settings: Settings, surplus: int) -> None:
    """By one byte, which only counting tells, and by so much that Content-Length tells at once."""
    settings.MAX_UPLOAD_MB = 1
    request = _post(bytes(MIB + surplus), frames="40")
    with pytest.raises(ServiceError) as refused:
        uploaded_files(request, "file")
    assert refused.value.code == "too_large"
    assert request.POST["frames"] == "40", "fields before the file are read"
    assert _incoming(media) == []


def test_exactly_as_large_as_allowed(media: Path, settings: Settings) -> None:
    settings.MAX_UPLOAD_MB = 1
    with uploaded_files(_post(bytes(MIB)), "file")[0] as file:
        assert file.size == MIB


def test_content_length_alone_stops_before_anything_is_written(media: Path, settings: Settings) -> None:
    settings.MAX_UPLOAD_MB = 1
    request = _post(bytes(2 * MIB))
    with pytest.raises(ServiceError):
        uploaded_files(request, "file")
    assert not (media / "incoming").exists()


def test_a_full_disk_is_an_error_with_a_name(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: IncomingFile, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    class Handle:
        write = full

    append = IncomingFile.append

    def append_to_full_disk(self: IncomingFile, data: bytes) -> None:
        real, self._handle = self._handle, Handle()  # type: ignore[assignment]
        try:
            append(self, data)
        finally:
            self._handle = real

    monkeypatch.setattr(IncomingFile, "append", append_to_full_disk)
    with pytest.raises(ServiceError) as refused:
        uploaded_files(_post(b"content"), "file")
    assert refused.value.code == "disk_full"
    assert _incoming(media) == []


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.MP4", ".mp4"),
        ("a", ""),
        ("a.b/../c", ""),
        ("a.mp4;rm", ""),
        ("a.ü", ""),
        ("a.verylongsuffix", ".verylon"),
    ],
)
def test_of_a_name_only_a_harmless_suffix_is_used(name: str, suffix: str) -> None:
    assert harmless_suffix(name) == suffix
