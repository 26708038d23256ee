"""What a process that reads something untrusted gets of our environment; called in its parent."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")


def bare_environment(*kept: str, **more: str) -> dict[str, str]:
    """Nothing of ours but what an interpreter needs: no secrets, no database address, no proxy.

    Args:
        kept: Names of further variables to pass on where they are set.
        more: Variables to set.
    """
    ours = {name: os.environ[name] for name in (*_KEPT, *kept) if name in os.environ}
    path = os.pathsep.join([str(_ROOT), *(entry for entry in sys.path if entry)])
    # One BLAS thread and two malloc arenas: each more would reserve address space, which is limited.
    return ours | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"} | more
