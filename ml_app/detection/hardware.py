"""What the machine offers."""

from __future__ import annotations

import ctypes
import math
import os
from pathlib import Path


def usable_cores() -> int:
    """Processor cores this process may use: its affinity, or its control group's quota if that is less."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no control group, or no quota ("max")
        return cores


def has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver offers a GPU to this process. Asks the driver itself, which is quick."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        count = ctypes.c_int()
        return bool(
            driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value
        )
    except (OSError, AttributeError):  # no driver
        return False
