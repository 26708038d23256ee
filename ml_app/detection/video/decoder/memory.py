"""Telling want of memory from damage: FFmpeg reports failed allocations in many ways, some of them silent."""

from __future__ import annotations

import errno
import resource
import sys
from pathlib import Path

_TIGHT = 0.7  # of the address space allowed; beyond, any failure is put down to the limit


def raise_if_short(error: Exception) -> None:
    """Raise MemoryError if a failure was one of memory, or happened when little was left.

    EAGAIN is what a thread that finds no room for its stack fails with.
    """
    if getattr(error, "errno", None) in (errno.ENOMEM, errno.EAGAIN) or tight():
        raise MemoryError(type(error).__name__) from error


def tight() -> bool:
    """Whether the address space was nearly used up at some time."""
    if sys.platform != "linux":  # elsewhere the limit is not enforced
        return False
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return False
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmPeak:")[2].split()[0]) * 1024
    return peak > _TIGHT * limit
