"""Run a command as a fresh process and measure it with everything that it starts."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CORES = 2
SAMPLE_SECONDS = 0.25  # between two looks at the memory: each takes some milliseconds of a core


@dataclass(frozen=True, slots=True)
class Measured:
    """`wall` and `cpu` in seconds, from the start of the process to its end; `peak` in bytes.

    `peak`: the largest sum of the processes' memory, in which what several of them share counts once.
    `output`: the JSON object that the command printed.
    """

    wall: float
    cpu: float
    peak: int
    output: dict[str, Any]


def measure(module: str, *arguments: str | Path | int, cores: int = CORES) -> Measured:
    """Run `python -m module arguments...` without a GPU, on so many cores.

    Raises:
        subprocess.CalledProcessError: It failed; what it said goes to stderr.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    usable = sorted(os.sched_getaffinity(0))[:cores]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    before = _cpu_of_children()
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, usable),  # noqa: PLW1509 - nothing else runs here
    )
    watch = _Watch(process.pid)
    output, _ = process.communicate()
    wall = time.monotonic() - started
    peak = watch.end()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Measured(wall, _cpu_of_children() - before, peak, json.loads(output.splitlines()[-1]))


def cpu_of_family(pid: int) -> float:
    """Seconds of the processor that a process and all that it started have used, whether they live or not."""
    tick = os.sysconf("SC_CLK_TCK")
    return sum(_ticks(member) for member in _family(pid)) / tick


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended; its parent has what it used, or will have
        return 0
    return sum(map(int, fields[11:15]))  # user, system, and both of its children that were waited for


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Watch(threading.Thread):
    """Looks at the memory of a process and its descendants, again and again."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._peak, self._over = pid, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.is_set():
            self._peak = max(self._peak, sum(map(_memory, _family(self._pid))))
            self._over.wait(SAMPLE_SECONDS)

    def end(self) -> int:
        """The peak, in bytes."""
        self._over.set()
        self.join()
        return self._peak


def _family(pid: int) -> list[int]:
    family = [pid]
    for member in family:  # which grows meanwhile
        try:
            for task in Path(f"/proc/{member}/task").iterdir():
                family += map(int, (task / "children").read_text().split())
        except OSError:  # it has just ended
            continue
    return family


def _memory(pid: int) -> int:
    """The process's own memory and its share of what it shares (Pss), in bytes."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
