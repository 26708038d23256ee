"""Embeddings of clips, frozen: what the sequence heads learn from. Kept on disk, clip by clip."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml_app.detection.faces.crops import Image
from ml_app.detection.runtime.detector import few
from ml_app.training.data.augmentation import apply_clip, centre, draw
from ml_app.training.data.shards import Shard, read_shards
from ml_app.training.fakes.blended_clips import MANNERS, blend_clip
from ml_app.training.fitting.batches import to_tensor
from ml_app.training.fitting.classifier import FrameClassifier, embed_all
from ml_app.training.recipe import Recipe

MOST_FRAMES = 100
MIN_FRAMES = 8  # of a clip; shorter ones show next to no time
BLENDED = "self-blended"


@dataclass(frozen=True, slots=True)
class ClipView:
    """One view of one clip: float32 (T, channels), in order of time; when each frame is shown, seconds."""

    embeddings: Tensor
    times: tuple[float, ...]
    fake: bool
    group: str
    generator: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """A view that is to be embedded: its name among those of the clip, how it is shown, and what it is."""

    name: str
    show: Callable[[], list[Image]]
    fake: bool
    generator: str


def embed_clips(
    model: FrameClassifier,
    folders: Sequence[Path],
    recipe: Recipe,
    cache: Path,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> list[ClipView]:
    """Embed every clip of prepared folders: as it is, in augmented views with one draw per clip, and, of
    genuine clips, as pseudo-fakes beside their twins.

    Args:
        model: The final classifier.
        folders: Of one split.
        recipe: Margin, last input size, views and pseudo-fakes, augmentation, seed.
        cache: Where embeddings are kept, by what decides them; what is there is not made again.
        on_done: Told how many clips of how many are done.
    """
    cache = cache / _fingerprint(model, recipe)
    cache.mkdir(parents=True, exist_ok=True)
    shards = [shard for folder in folders for shard in read_shards(folder) if _is_sequence(shard)]
    found = []
    for done, shard in enumerate(shards, start=1):
        for view in _views(shard, recipe):
            file = cache / f"{shard.name}-{view.name}.npy"
            if not file.exists():
                images = to_tensor(np.stack(view.show()))
                unfinished = file.with_suffix(".partial.npy")
                np.save(unfinished, embed_all(model, images).half().numpy())
                unfinished.replace(file)
            embeddings = torch.from_numpy(np.load(file)).float()
            times = tuple(shard.faces[index].time_s for index in _chosen(shard))
            found.append(ClipView(embeddings, times, view.fake, shard.faces[0].group, view.generator))
        on_done(done, len(shards))
    return found


def places(total: int, count: int, rng: np.random.Generator | None = None) -> list[int]:
    """Which `count` of so many frames: of equal parts the middles or, with `rng`, any."""
    if rng is None or total <= count:
        return few(total, count)
    return [int(i) for i in (np.arange(count) + rng.random(count)) * total / count]


def _chosen(shard: Shard) -> list[int]:
    count = min(MOST_FRAMES, len(shard.faces))
    return [int(i) for i in np.linspace(0, len(shard.faces) - 1, count).round()]


def _is_sequence(shard: Shard) -> bool:
    return shard.is_clip and len(shard.faces) >= MIN_FRAMES


def _fingerprint(model: FrameClassifier, recipe: Recipe) -> str:
    decisive = [
        recipe.margin,
        recipe.margins,
        recipe.phases[-1].size,
        recipe.augmentation,
        recipe.recoding,
        recipe.seed,
    ]
    digest = hashlib.sha256(json.dumps(decisive).encode())
    for tensor in model.backbone.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _views(shard: Shard, recipe: Recipe) -> Iterator[_Shown]:
    first, size = shard.faces[0], recipe.phases[-1].size
    chosen = _chosen(shard)

    def stored() -> list[Image]:
        return [np.array(shard.images[index]) for index in chosen]

    def rng(*what: int) -> np.random.Generator:
        name = int.from_bytes(hashlib.sha256(shard.name.encode()).digest()[:4], "big")
        return np.random.default_rng([recipe.seed, name, *what])

    def augmented(images: list[Image], *what: int) -> list[Image]:
        drawn = draw(rng(*what), recipe.augmentation, recipe.margins, recipe.recoding)
        return apply_clip(images, drawn, size, shard.margin)

    def shown(view: int) -> list[Image]:
        return augmented(stored(), 0, view)

    def blended(number: int, fake: bool) -> list[Image]:
        landmarks = [np.asarray(shard.landmarks[index]) for index in chosen]
        manner = MANNERS[number % len(MANNERS)]
        pair = blend_clip(stored(), landmarks, rng(1, number), manner)
        return augmented(pair[fake], 2, number)  # the same draw for both

    def plain() -> list[Image]:
        return [centre(image, recipe.margin, size, shard.margin) for image in stored()]

    yield _Shown("0", plain, first.fake, first.generator)
    for view in range(1, recipe.heads.views):
        yield _Shown(f"{view}", partial(shown, view), first.fake, first.generator)
    for number in range(0 if first.fake else recipe.heads.blended):
        for fake, generator in ((False, first.generator), (True, BLENDED)):
            yield _Shown(
                f"blended{number}{'-fake' if fake else ''}",
                partial(blended, number, fake),
                fake,
                generator,
            )
