"""What a process takes upon itself before it reads anything untrusted; called in that process."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1  # Linux, prctl(2)
_GRACE = 2  # seconds of CPU time between the signal that can be caught and the one that cannot


def limit(cpu_seconds: int, memory_bytes: int, descriptors: int | None = None) -> None:
    """Take the limits upon us: no file written, no core left behind, and no more than this of the machine.

    Args:
        cpu_seconds: CPU time from the start of this process on, at least 1.
        memory_bytes: Address space, the libraries' share included.
        descriptors: The first descriptor that may not be opened any more; none: as inherited.

    Raises:
        ValueError: A limit is higher than the one that we run under already.
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + _GRACE))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if descriptors is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))


def die_with(parent: int) -> bool:
    """Have Linux kill us when our parent ends. False if it has ended already: then nobody wants us.

    Args:
        parent: Its process id.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent  # it may have gone before we could say so
