"""The process that reads Content Credentials and metadata of one untrusted file; `reading.py` is its parent.

Once its libraries are loaded it can open nothing more, no file and no connection: the file that it was given
is the last descriptor that it may have. So what PyAV would import when it needs it is imported beforehand.
Standard input brings the trust list, standard output takes one JSON object.

    python -m ml_app.provenance.child {"descriptor", "parent", "memory_bytes", "cpu_seconds", "is_video"}
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any

import av
import av.audio.codeccontext
import av.audio.stream
import av.subtitles.codeccontext
import av.subtitles.stream
import av.video.codeccontext
import av.video.stream
import c2pa

from ml_app.provenance.credentials import found_in
from ml_app.provenance.findings import Provenance, State
from ml_app.sandbox.limits import die_with, limit

_OURS = 3  # the descriptor that the file is moved to
_XMP_BYTES = 4 * 1024**2  # of the beginning and of the end of a file, where XMP is looked for
_TEXT_BYTES = 300
_TAGS = {
    "encoder": "software",
    "software": "software",
    "com.apple.quicktime.software": "software",
    "handler_name": "software",
    "make": "camera_make",
    "com.apple.quicktime.make": "camera_make",
    "model": "camera_model",
    "com.apple.quicktime.model": "camera_model",
    "creation_time": "taken",
    "com.apple.quicktime.creationdate": "taken",
    "comment": "comment",
    "description": "description",
    "title": "description",
    "artist": "artist",
    "copyright": "copyright",
    "aigc": "aigc",
    "prompt": "generator",
    "workflow": "generator",
    "parameters": "generator",
}
_NO_NEWS = ("VideoHandler", "SoundHandler", "DataHandler")  # what FFmpeg and others call every track
_XMP = {rb"CreatorTool": "software", rb"DigitalSourceType": "source_type", rb"Credit": "credit"}


def restrict(task: dict[str, Any]) -> None:
    """Take the limits upon us, die with our parent, and give up opening anything."""
    if not die_with(task["parent"]):
        sys.exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    given = int(task["descriptor"])
    if given != _OURS:
        os.dup2(given, _OURS, inheritable=False)
    os.closerange(_OURS + 1, max(given + 1, 1024))
    limit(int(task["cpu_seconds"]), int(task["memory_bytes"]), _OURS + 1)


def credentials(file: IO[bytes], trust_list: str) -> Provenance:
    """What the file's manifest store says, or that there is none."""
    settings: dict[str, Any] = {
        "verify": {"verify_trust": bool(trust_list), "remote_manifest_fetch": False, "ocsp_fetch": False}
    }
    if trust_list:
        settings["trust"] = {"trust_anchors": trust_list}
    file.seek(0)
    try:
        reader = c2pa.Reader.try_create(None, file, None, c2pa.Context.from_dict(settings))
        store = json.loads(reader.json()) if reader is not None else None
    except c2pa.C2paError.NotSupported:
        return Provenance(state=State.NOT_SUPPORTED)
    except (c2pa.C2paError, ValueError) as error:
        return Provenance(state=State.UNREADABLE, problems=(type(error).__name__.lstrip("_"),))
    return Provenance() if store is None else found_in(store, has_list=bool(trust_list))


def metadata(file: IO[bytes]) -> tuple[tuple[str, str], ...]:
    """What a video says of itself, unsigned: its container's tags, its streams', and XMP beside them."""
    said: list[tuple[str, str]] = []
    file.seek(0)
    with suppress(Exception), av.open(file, metadata_errors="replace") as container:
        for tags in (container.metadata, *(stream.metadata for stream in container.streams)):
            said += [
                (_TAGS[key.lower()], _text(value)) for key, value in tags.items() if key.lower() in _TAGS
            ]
    with suppress(OSError):
        said += list(_xmp(file))
    return tuple(dict.fromkeys(pair for pair in said if pair[1] and pair[1] not in _NO_NEWS))[:40]


def _xmp(file: IO[bytes]) -> list[tuple[str, str]]:
    file.seek(0)
    data = file.read(_XMP_BYTES)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(len(data), size - _XMP_BYTES))
    data += file.read(_XMP_BYTES)
    found = []
    for packet in re.findall(rb"<x:xmpmeta.*?</x:xmpmeta>", data, re.DOTALL)[:4]:
        for key, name in _XMP.items():
            for value in re.findall(rb"\b" + key + rb"""(?:=["']|>)\s*([^<>"']{1,300})""", packet)[:3]:
                text = _text(value.decode("utf-8", errors="replace"))
                found.append((name, text.rpartition("/")[2] if name == "source_type" else text))
    return found


def _text(value: Any) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())[:_TEXT_BYTES]


def main() -> None:
    """One file."""
    trust_list = sys.stdin.buffer.read().decode()
    av.logging.set_level(None)
    task = json.loads(sys.argv[1])
    restrict(task)
    with os.fdopen(_OURS, "rb") as file:
        found = credentials(file, trust_list)
        said = metadata(file) if task["is_video"] else ()
    sys.stdout.write(json.dumps(replace(found, metadata=said).to_json()))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
    os._exit(0)
