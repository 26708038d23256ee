"""Logs of a training: a CSV file, and curves for TensorBoard where that is installed."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

OnLog = Callable[[dict[str, Any]], None]

CURVES = "tensorboard"  # folder within a run
NO_TENSORBOARD = (
    "TensorBoard is not installed, so there are no curves beside the CSV file; "
    "pip install -r requirements-training.txt brings it"
)


class TrainingLog:
    """Rows of figures, by step: a CSV file whose columns may grow, and scalars for TensorBoard.

    Steps after the last save were lost in a kill and come again; their old rows are dropped.
    """

    def __init__(self, path: Path, on_log: OnLog, *, start: int = 0) -> None:
        """Open a log.

        Args:
            path: Of the CSV file; curves go into `tensorboard/<its stem>/` beside it.
            on_log: Told of each row, and once where TensorBoard is missing.
            start: Step from which on rows are written.
        """
        self._path, self._on_log = path, on_log
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - optional
        except ImportError:
            on_log({"note": NO_TENSORBOARD})
            return
        folder = path.parent / CURVES / path.stem
        self._writer = SummaryWriter(str(folder), purge_step=start + 1)

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer:
            self._writer.close()

    def write(self, row: dict[str, Any]) -> None:
        """Add a row; its `step` is the key."""
        rows: list[dict[str, Any]] = []
        if self._path.exists():
            with self._path.open(newline="") as file:
                rows = [old for old in csv.DictReader(file) if int(old["step"]) < row["step"]]
        columns = list(dict.fromkeys(key for line in [*rows, row] for key in line))
        partial = self._path.with_suffix(".partial")
        with partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows([*rows, row])
        partial.replace(self._path)
        if self._writer:
            for name, value in row.items():
                if name != "step":
                    self._writer.add_scalar(name, value, row["step"])
            self._writer.flush()
        self._on_log(row)
