"""What is told of a batch: counts, and a row for each file, for pages and programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count

from ml_app.errors import scan_errors
from ml_app.models import Batch, BatchItem, BatchItemQuerySet, ItemState, Verdict

UNFINISHED = (ItemState.WAITING, ItemState.RUNNING)
COLUMNS = (
    *("number", "name", "state", "code", "reason", "scan", "sha256", "url", "verdict", "evidence"),
    *("fake_probability", "frames_analysed", "frame_count", "detector", "detector_version", "finished_at"),
)
ORDERS = {
    "number": ("number",),
    "name": ("name", "number"),
    "probability": ("-scan__fake_probability", "number"),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """How many files of a batch are in each state, and what was found."""

    states: dict[str, int]
    verdicts: dict[str, int]

    @property
    def total(self) -> int:
        """All files."""
        return sum(self.states.values())

    @property
    def ended(self) -> int:
        """Those with which nothing more happens."""
        return self.total - sum(self.states.get(state, 0) for state in UNFINISHED)

    @property
    def named_states(self) -> list[tuple[str, int]]:
        """The same in words."""
        return [(str(ItemState(state).label), number) for state, number in self.states.items()]

    @property
    def named_verdicts(self) -> list[tuple[str, int]]:
        """The same in words."""
        return [(str(Verdict(verdict).label), number) for verdict, number in self.verdicts.items()]

    @property
    def can_rerun(self) -> bool:
        """Whether some have failed or were cancelled."""
        return bool({ItemState.FAILED, ItemState.CANCELLED} & set(self.states))

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.ended == self.total


def counts(batch: Batch) -> Counts:
    """Two queries."""
    return counts_of([batch])[batch.pk]


def counts_of(batches: Iterable[Batch]) -> dict[UUID, Counts]:
    """The same of many batches, by their keys: two queries as well."""
    keys = [batch.pk for batch in batches]
    items: Any = BatchItem.objects.filter(batch__in=keys).order_by()
    states = _by_batch(items.with_state().values_list("batch", "standing").annotate(Count("pk")))
    done = items.exclude(scan=None).exclude(scan__verdict="").values_list("batch", "scan__verdict")
    verdicts = _by_batch(done.annotate(Count("pk")))
    return {
        key: Counts(
            _in_order(states.get(key, {}), ItemState.values), _in_order(verdicts.get(key, {}), Verdict.values)
        )
        for key in keys
    }


def _by_batch(rows: Iterable[tuple[UUID, str, int]]) -> dict[UUID, dict[str, int]]:
    found: dict[UUID, dict[str, int]] = {}
    for key, name, number in rows:
        found.setdefault(key, {})[name] = number
    return found


def _in_order(numbers: dict[str, int], names: Iterable[str]) -> dict[str, int]:
    return {name: numbers[name] for name in names if name in numbers}


def items(batch: Batch, *, state: str = "", verdict: str = "", order: str = "number") -> BatchItemQuerySet:
    """The files of a batch with `state`, those that are asked for; each with its scan and video."""
    found: Any = BatchItem.objects.filter(batch=batch).with_state().select_related("scan__video", "video")
    found = found.filter(standing=state) if state else found
    found = found.filter(scan__verdict=verdict) if verdict else found
    ordered: BatchItemQuerySet = found.order_by(*ORDERS.get(order, ORDERS["number"]))
    return ordered


def code_of(item: BatchItem) -> str:
    """Why a file was refused, or its scan has failed; empty otherwise."""
    return item.error_code or (item.scan.error_code if item.scan else "")


def row(item: BatchItem) -> dict[str, Any]:
    """One file, for programs."""
    scan = item.scan
    video = (scan.video if scan else None) or item.video
    code = code_of(item)
    return {
        "number": item.number,
        "name": item.name,
        "state": item.state,
        "code": code or None,
        "reason": str(scan_errors.get(code, code)) if code else (scan.reason or None if scan else None),
        "scan": str(scan.pk) if scan else None,
        "sha256": (video.sha256 or None) if video else None,
        "url": item.url or None,
        "verdict": (scan.verdict or None) if scan else None,
        "evidence": (scan.evidence or None) if scan else None,
        "fake_probability": scan.fake_probability if scan else None,
        "frames_analysed": scan.frames_analysed if scan else None,
        "frame_count": scan.frame_count if scan else None,
        "detector": scan.detector_name if scan else None,
        "detector_version": (scan.detector_version or None) if scan else None,
        "finished_at": scan.finished_at.isoformat() if scan and scan.finished_at else None,
    }


def csv_lines(found: Iterable[BatchItem]) -> Iterator[str]:
    """A header and a line for each file, in CSV (RFC 4180), to be streamed."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for item in found:
        told = row(item)
        yield writer.writerow([harmless(told[column]) for column in COLUMNS])


class _Echo:
    """A file for the CSV writer that hands each line back."""

    def write(self, line: str) -> str:
        return line


def harmless(value: object) -> object:
    """A spreadsheet takes a text that begins like this for a formula, and file names come from strangers."""
    text = value if isinstance(value, str) else ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else value
