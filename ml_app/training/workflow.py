"""The steps of a training as the commands call them: prepared data in, a run's folder out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ml_app.training.batches import Pool
from ml_app.training.classifier import FrameClassifier
from ml_app.training.fit import fit
from ml_app.training.measure import DevFaces
from ml_app.training.recipe import Recipe


def split_folders(data: Path, split: str) -> list[Path]:
    """The prepared sets that have a split, `<data>/<set>/<split>`.

    Raises:
        ValueError: There are none.
    """
    folders = sorted(path for path in data.glob(f"*/{split}") if any(path.glob("*.json")))
    if not folders:
        raise ValueError(f"{data} holds no prepared {split} faces; run `prepare` first")
    return folders


def check_no_leak(data: Path) -> None:
    """Make sure that no person, original or pair stands in two splits.

    Raises:
        ValueError: One does; says which.
    """
    import json  # noqa: PLC0415

    for prepared in sorted(path for path in data.iterdir() if path.is_dir()):
        groups: dict[str, set[str]] = {}
        for split in ("train", "dev"):
            groups[split] = {
                face["group"]
                for index in (prepared / split).glob("*.json")
                for face in json.loads(index.read_text())
            }
        both = sorted(groups["train"] & groups["dev"])
        if both:
            raise ValueError(f"{prepared.name}: {both[0]!r} stands in train and in dev; split by person")


def train_backbone(
    recipe: Recipe,
    data: Path,
    run: Path,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
) -> FrameClassifier:
    """Train a recipe's backbone on prepared data, on a GPU where there is one; see `fit`."""
    check_no_leak(data)
    pool = Pool(split_folders(data, "train"), recipe.mix)
    dev = DevFaces(sorted(data.glob("*/dev")), recipe.margin)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return fit(recipe, pool, run, dev.figures, device=device, on_log=on_log)
