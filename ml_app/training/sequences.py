"""Embeddings of clips, frozen: what the sequence heads learn from. Kept on disk, clip by clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml_app.training.augment import apply, centre, draw
from ml_app.training.batches import to_tensor
from ml_app.training.classifier import FrameClassifier, embed_all
from ml_app.training.recipe import Recipe
from ml_app.training.store import Shard, read_shards

MOST_FRAMES = 100
MIN_FRAMES = 8  # of a clip; shorter ones show next to no time


@dataclass(frozen=True, slots=True)
class ClipView:
    """One view of one clip: float32 (T, channels), in order of time."""

    embeddings: Tensor
    fake: bool
    group: str
    generator: str


def embed_clips(
    model: FrameClassifier,
    folders: Sequence[Path],
    recipe: Recipe,
    cache: Path,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> list[ClipView]:
    """Embed every clip of prepared folders, as it is and in augmented views with one draw per clip.

    Args:
        model: The final classifier.
        folders: Of one split.
        recipe: Margin, last input size, number of views, seed.
        cache: Where embeddings are kept; what is there is not made again, so remove it with another model.
        on_done: Told how many clips of how many are done.
    """
    cache.mkdir(parents=True, exist_ok=True)
    shards = [shard for folder in folders for shard in read_shards(folder) if _is_clip(shard)]
    found = []
    for number, shard in enumerate(shards):
        first = shard.faces[0]
        for view in range(recipe.heads.views):
            file = cache / f"{Path(first.source).stem}-{view}.npy"
            if not file.exists():
                images = _view(shard, recipe, number, view)
                np.save(file, embed_all(model, images).half().numpy())
            embeddings = torch.from_numpy(np.load(file)).float()
            found.append(ClipView(embeddings, first.fake, first.group, first.generator))
        on_done(number + 1, len(shards))
    return found


def _is_clip(shard: Shard) -> bool:
    return len({face.source for face in shard.faces}) == 1 and len(shard.faces) >= MIN_FRAMES


def _view(shard: Shard, recipe: Recipe, number: int, view: int) -> Tensor:
    size = recipe.phases[-1].size
    count = min(MOST_FRAMES, len(shard.faces))
    chosen = np.linspace(0, len(shard.faces) - 1, count).round().astype(int)
    stored = [np.array(shard.images[index]) for index in chosen]
    if view == 0:
        return to_tensor(np.stack([centre(image, recipe.margin, size) for image in stored]))
    shown = draw(np.random.default_rng([recipe.seed, number, view]), recipe.augmentation)
    return to_tensor(np.stack([apply(image, shown, size) for image in stored]))
