"""What all processes of one run of the tests share: the first that asks for it makes it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` fills, once for all processes of this run.

    Args:
        factory: Pytest's, which knows the run's folder.
        name: Of the folder; whoever gives the same name gets the same folder.
        make: Is given the folder, which exists and is empty. Where it fails, the next one tries anew.

    Returns:
        The folder. Whoever wants to change something in it copies it.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    whole = root / f"shared-{name}"
    with (root / f"shared-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            unfinished = factory.mktemp(name)
            make(unfinished)
            unfinished.rename(whole)
    return whole
