"""What became of the scans of a kill drill: the site's word against its database, its logs and its disk."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.containers.stack import Stack

# What is killed, and how often compared with the others
TARGETS = {"worker": 3, "web": 3, "database": 3, "broker": 3}
_SCANS = "select v.sha256, s.id, s.status from ml_app_video v left join ml_app_scan s on s.video_id = v.id"
_FAILED = "select error_code, count(*) from ml_app_scan where status = 'failed' group by error_code"
_ATTEMPTS = "select attempts, count(*) from ml_app_scan group by attempts order by attempts"
_FACES = "select scan_id, count(*) from ml_app_face group by scan_id"
_NAMED = (
    "select file from ml_app_video union select thumbnail from ml_app_faceframe "
    "union select heatmap from ml_app_faceframe"
)


@dataclass
class Record:
    """What was done so far. Written down after every run of a drill in pieces."""

    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TARGETS, 0))
    accepted: list[str] = field(default_factory=list)  # SHA-256 of each file that the site said it took
    tries: int = 0
    seconds: float = 0.0  # in which something was killed
    longest_wait: float = 0.0  # seconds between two uploads that were taken

    @classmethod
    def read(cls, folder: Path) -> Record:
        file = folder / "record.json"
        return cls(**json.loads(file.read_text())) if file.exists() else cls()

    def write(self, folder: Path) -> None:
        (folder / "record.json").write_text(json.dumps(asdict(self)))


@dataclass(frozen=True)
class Tally:
    """`lost` and `doubled` are scans; `astray` are files without a row and rows without a file."""

    rows: list[tuple[str, str]]
    done: int
    lost: int
    doubled: int
    astray: int

    def __str__(self) -> str:
        lines = [("Drill", "Count"), ("---", "---"), *self.rows]
        return "\n".join(f"| {name} | {value} |" for name, value in lines)


def count(stack: Stack, record: Record) -> Tally:
    """Compare what the site accepted with what there is."""
    scans = stack.sql(_SCANS)
    done = {sha256 for sha256, _, status in scans if status == "done"}
    lost = len(set(record.accepted) - done)
    doubled = _doubled(stack, scans)
    nameless, missing = _files(stack)
    kills = ", ".join(f"{number} {name}" for name, number in sorted(record.kills.items()))
    statuses = Counter(status for _, _, status in scans)
    attempts = ", ".join(f"{scans} with {n}" for n, scans in stack.sql(_ATTEMPTS))
    rows = [
        ("Kills", f"{sum(record.kills.values())} in {record.seconds / 60:.0f} minutes ({kills})"),
        ("Uploads accepted", f"{len(record.accepted)}, after {record.tries} tries"),
        ("Longest time until one was accepted", f"{record.longest_wait:.0f} s"),
        ("Scans done exactly once", str(statuses["done"] - doubled)),
        ("Scans by attempts", attempts),
        ("Scans failed", ", ".join(f"{n} {code}" for code, n in stack.sql(_FAILED)) or "0"),
        ("Scans lost", str(lost)),
        ("Scans doubled", str(doubled)),
        ("Files without a row, rows without a file", f"{nameless}, {missing}"),
    ]
    return Tally(rows, statuses["done"], lost, doubled, nameless + missing)


def _doubled(stack: Stack, scans: list[list[str]]) -> int:
    """Scans too many for a file, ends too many for a scan (in the logs), persons too many for the clip."""
    of_file = Counter(sha256 for sha256, *_ in scans)
    ends = Counter(re.findall(r"\[scan ([0-9a-f-]{36})\] Done in", stack.logs("worker")))
    faces = Counter({scan: int(number) for scan, number in stack.sql(_FACES)})
    return sum(number - 1 for counted in (of_file, ends, faces) for number in counted.values() if number > 1)


def _files(stack: Stack) -> tuple[int, int]:
    """After a sweep: pictures and videos on the disk that no row names, and the other way round."""
    stack.run_in("sweeper", "manage", "sweep", "--once")
    listed = stack.run_in("web", "sh", "-c", "cd /data/media && find . -type f")
    on_disk = {line.removeprefix("./") for line in listed.splitlines()}
    named = {row[0] for row in stack.sql(_NAMED)} - {""}
    return len(on_disk - named), len(named - on_disk)
