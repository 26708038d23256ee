"""Reads a file's provenance in a process of its own, with limits, that can open nothing (see `child.py`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ml_app.provenance.findings import Action, Provenance, State, Trust
from ml_app.provenance.marks import marks_of
from ml_app.sandbox.environment import bare_environment

_MOST_BYTES = 1_000_000  # of an answer
UNREADABLE = Provenance(state=State.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the process may use."""

    memory_bytes: int = 2 * 1024**3  # of address space
    cpu_seconds: int = 120  # a signature covers the whole file, which is hashed
    wall_seconds: float = 300.0


def read_provenance(
    path: Path,
    *,
    trust_list: str = "",
    said: Iterable[tuple[str, str]] = (),
    is_video: bool = True,
    limits: Limits = Limits(),
) -> Provenance:
    """What a video or picture says of where it comes from. Never raises for what is in it.

    Args:
        trust_list: Certificates in PEM that signers' must lead to; empty for no list.
        said: What else the file says of itself, as `VideoInfo.file_says`; marks are looked for there as well.
        is_video: Whether its container's own words are to be read, too.
    """
    try:
        with path.open("rb") as file:
            answer = _ask(file.fileno(), trust_list, is_video, limits)
        found = _from_json(json.loads(answer))
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired):
        found = UNREADABLE
    return replace(found, marks=marks_of((*said, *found.metadata)))


def _ask(descriptor: int, trust_list: str, is_video: bool, limits: Limits) -> bytes:
    task = {
        "descriptor": descriptor,
        "parent": os.getpid(),
        "memory_bytes": limits.memory_bytes,
        "cpu_seconds": limits.cpu_seconds,
        "is_video": is_video,
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ml_app.provenance.child", json.dumps(task)],
        input=trust_list.encode(),
        capture_output=True,
        timeout=limits.wall_seconds,
        check=False,
        pass_fds=(descriptor,),
        env=bare_environment(),
    )
    if done.returncode or len(done.stdout) > _MOST_BYTES:
        raise ValueError("no answer")
    return done.stdout


def _from_json(told: dict[str, Any]) -> Provenance:
    """What the process told, looked at again: it has read what strangers wrote."""
    given = told["credentials"]
    return Provenance(
        state=State(given["state"]),
        trust=Trust(given["trust"]) if given["trust"] else None,
        signer=str(given["signer"] or ""),
        organisation=str(given["organisation"] or ""),
        algorithm=str(given["algorithm"] or ""),
        signed_at=str(given["signed_at"] or ""),
        tools=tuple(map(str, given["tools"])),
        actions=tuple(
            Action(**{key: str(one[key]) for key in ("action", "tool", "when", "source_type")})
            for one in given["actions"]
        ),
        ingredients=tuple(map(str, given["ingredients"])),
        says_generated=given["says_generated"] is True,
        problems=tuple(map(str, given["problems"])),
        metadata=tuple((str(name), str(text)) for name, text in told["metadata"]),
    )
