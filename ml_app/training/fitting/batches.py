"""Batches: every genuine face beside a manipulated one of the same kind, shown with the same augmentation.

A batch depends only on the recipe's seed and the number of the step, so a training that was killed continues
with the very batches that it would have had.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ml_app.detection.faces.crops import Image
from ml_app.detection.networks.backbones import BackboneSpec
from ml_app.training.data.augmentation import Draw, apply, draw
from ml_app.training.data.landmarks import Landmarks
from ml_app.training.data.shards import Face, Shard, read_shards
from ml_app.training.fakes.blending import self_blend
from ml_app.training.fakes.reconstructed import RECONSTRUCTED
from ml_app.training.fakes.resampling import resample
from ml_app.training.recipe import Mix, Recipe

T = TypeVar("T")

LARGEST_GROUP = 100  # items that count; of pictures there are thousands
AHEAD = 4  # batches that are made while the network works


class Stored(NamedTuple):
    """A face as it is kept: uint8 (S, S, 3) RGB, and the margin with which it was cut."""

    image: Image
    margin: float


class At(NamedTuple):
    """Where a face stands: which shard, which of its faces."""

    shard: int
    face: int


@dataclass(frozen=True, slots=True)
class Batch:
    """uint8 (B, 3, size, size) RGB with genuine faces first, then their manipulated partners in the same
    order; float (B,) with 1 for fake; bool (B / 2,), whether partners are twins of one footage. `large`:
    the same faces at the teacher's size, where it has one of its own."""

    images: Tensor
    fake: Tensor
    twins: Tensor
    large: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        large = None if self.large is None else self.large.to(device)
        return Batch(self.images.to(device), self.fake.to(device), self.twins.to(device), large)


class Pool:
    """The prepared faces of one split, sorted by what they can be used for."""

    def __init__(self, folders: list[Path], mix: Mix) -> None:
        """Open the shards of `folders`.

        Raises:
            ValueError: A kind of the mix has no faces here; says which.
        """
        self.shards: list[Shard] = [shard for folder in folders for shard in read_shards(folder)]
        # By corpus, or kind of pictures; each clip or picture by itself.
        self._genuine: dict[str, list[list[At]]] = defaultdict(list)
        self._pictures: dict[str, tuple[list[At], list[At]]] = defaultdict(lambda: ([], []))
        self._clips: dict[str, tuple[list[At], list[At]]] = defaultdict(lambda: ([], []))
        self._pair_generators: dict[str, str] = {}
        self._rewritten: list[tuple[At, At]] = []  # a face and its reconstruction
        self._generators: dict[bool, dict[str, list[list[At]]]] = {
            f: defaultdict(list) for f in (True, False)
        }
        for number, shard in enumerate(self.shards):
            places = [At(number, index) for index in range(len(shard.faces))]
            if shard.faces[0].family == RECONSTRUCTED:
                self._rewritten += list(zip(places[::2], places[1::2], strict=True))
            elif shard.is_clip:
                self._sort_clip(places, shard.faces[0])
            else:
                self._sort_pictures(places, shard.faces)
        self._picture_pairs = [pair for pair in self._pictures.values() if all(pair)]
        by_generator: dict[str, list[tuple[list[At], list[At]]]] = defaultdict(list)
        for name, pair in self._clips.items():
            if all(pair):
                by_generator[self._pair_generators[name]].append(pair)
        self._clip_pairs = Weighted(by_generator)
        self._genuine_sources = Weighted(self._genuine)
        self._by_generator = {fake: Weighted(sets) for fake, sets in self._generators.items()}
        self._kinds, self._shares = self._usable(mix)

    def _sort_clip(self, places: list[At], face: Face) -> None:
        self._generators[face.fake][face.generator].append(places)
        if face.pair:
            self._clips[face.pair][face.fake].extend(places)
            if face.fake:
                self._pair_generators.setdefault(face.pair, face.generator)
        if not face.fake:
            self._genuine[f"clips: {face.generator}"].append(places)

    def _sort_pictures(self, places: list[At], faces: Sequence[Face]) -> None:
        for place, face in zip(places, faces, strict=True):
            if face.pair:
                self._pictures[face.pair][face.fake].append(place)
            if not face.fake:
                self._genuine["pictures, paired" if face.pair else "pictures, single"].append([place])

    def _usable(self, mix: Mix) -> tuple[list[str], npt.NDArray[np.float64]]:
        kinds = {
            "picture_pairs": (mix.picture_pairs, bool(self._picture_pairs)),
            "self_blended": (mix.self_blended, bool(self._genuine)),
            "resampled": (mix.resampled, bool(self._genuine)),
            "reconstructed": (mix.reconstructed, bool(self._rewritten)),
            "clip_pairs": (mix.clip_pairs, bool(self._clip_pairs)),
            "clips": (mix.clips, bool(self._by_generator[True]) and bool(self._by_generator[False])),
        }
        for name, (share, usable) in kinds.items():
            if share > 0 and not usable:
                raise ValueError(
                    f"the recipe's mix wants {name}, but no prepared faces serve for it; "
                    "run `prepare` on such data or set its share to 0"
                )
        shares = np.array([share for share, _ in kinds.values() if share > 0])
        return [name for name, (share, _) in kinds.items() if share > 0], shares / shares.sum()

    @property
    def genuine_faces(self) -> int:
        """How many genuine faces there are, frames of clips included: what an epoch goes by."""
        return sum(
            not face.fake for shard in self.shards for face in shard.faces if face.family != RECONSTRUCTED
        )

    def image(self, place: At) -> Image:
        """A stored face, uint8 (S, S, 3) RGB."""
        return np.asarray(self.shards[place.shard].images[place.face])

    def stored(self, place: At) -> Stored:
        """A stored face and its margin."""
        return Stored(self.image(place), self.shards[place.shard].margin)

    def landmarks(self, place: At) -> Landmarks:
        """Its landmarks, float32 (68, 2)."""
        return np.asarray(self.shards[place.shard].landmarks[place.face])

    def pair(self, rng: np.random.Generator) -> tuple[Stored, Stored, bool]:
        """Draw a genuine and a manipulated face, and whether they are twins of one footage."""
        kind = self._kinds[rng.choice(len(self._kinds), p=self._shares)]
        if kind == "picture_pairs":
            real, fake = _one(self._picture_pairs, rng)
            return self.stored(_one(real, rng)), self.stored(_one(fake, rng)), True
        if kind == "clip_pairs":
            real, fake = self._clip_pairs.one(rng)
            position = rng.random()  # the same moment of both, where both have it
            return self.stored(_share(real, position)), self.stored(_share(fake, position)), True
        if kind == "clips":
            places = [_one(self._by_generator[fake].one(rng), rng) for fake in (False, True)]
            return self.stored(places[0]), self.stored(places[1]), False
        if kind == "reconstructed":
            genuine, rewritten = _one(self._rewritten, rng)
            return self.stored(genuine), self.stored(rewritten), True
        place = _one(self._genuine_sources.one(rng), rng)
        (image, margin), landmarks = self.stored(place), self.landmarks(place)
        if kind == "resampled":
            twins = (image, resample(image, landmarks, rng))
        else:
            twins = self_blend(image, landmarks, rng)
        return Stored(twins[0], margin), Stored(twins[1], margin), True


class Weighted(Generic[T]):
    """Items in groups. A group is drawn by the root of its size, so that a large one counts for more than a
    small one, but not by as much: drawn alike, groups of one clip would be learned by heart.
    """

    def __init__(self, groups: Mapping[str, list[T]]) -> None:
        self._groups = list(groups.values())
        weights = np.array([min(len(group), LARGEST_GROUP) ** 0.5 for group in self._groups])
        self._shares = weights / weights.sum() if len(weights) else weights

    def __bool__(self) -> bool:
        return bool(self._groups)

    def one(self, rng: np.random.Generator) -> T:
        """Draw an item."""
        return _one(self._groups[int(rng.choice(len(self._groups), p=self._shares))], rng)


def _one(items: list[T], rng: np.random.Generator) -> T:
    return items[int(rng.integers(len(items)))]


def _share(items: list[At], position: float) -> At:
    return items[min(len(items) - 1, int(position * len(items)))]


def make_batch(pool: Pool, recipe: Recipe, step: int) -> Batch:
    """The batch of a step."""
    rng = np.random.default_rng([recipe.seed, step])
    phase = recipe.phase_at(step)
    real, fake, twins = [], [], []
    for _ in range(phase.batch // 2):
        genuine, manipulated, twin = pool.pair(rng)
        chosen: Draw = draw(rng, recipe.augmentation, recipe.margins, recipe.recoding)
        side = recipe.teacher_size or phase.size
        real.append(apply(genuine.image, chosen, side, genuine.margin))
        fake.append(apply(manipulated.image, chosen, side, manipulated.margin))
        twins.append(twin)
    labels = torch.cat([torch.zeros(len(real)), torch.ones(len(fake))])
    shown = np.stack(real + fake)
    if recipe.teacher_size in {0, phase.size}:
        return Batch(to_tensor(shown), labels, torch.tensor(twins))
    return Batch(to_tensor(_resized(shown, phase.size)), labels, torch.tensor(twins), to_tensor(shown))


def _resized(images: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    shrinks = images.shape[1] > side
    mode = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR  # as serving resizes
    return np.stack([np.asarray(cv2.resize(i, (side, side), interpolation=mode), np.uint8) for i in images])


def batches(
    pool: Pool, recipe: Recipe, start: int, end: int, loaders: int = 1
) -> Iterator[tuple[int, Batch]]:
    """Numbers and batches of the steps from `start` to before `end`, made ahead in `loaders` threads."""
    with ThreadPoolExecutor(loaders) as executor:
        waiting: list[Future[Batch]] = []
        upcoming = start
        for step in range(start, end):
            while upcoming < end and len(waiting) < AHEAD * loaders:
                waiting.append(executor.submit(make_batch, pool, recipe, upcoming))
                upcoming += 1
            yield step, waiting.pop(0).result()


def to_tensor(images: npt.NDArray[np.uint8]) -> Tensor:
    """uint8 (B, H, W, 3) → uint8 (B, 3, H, W), in channels_last memory."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)


def normalise(images: Tensor, spec: BackboneSpec) -> Tensor:
    """uint8 (B, 3, H, W) RGB → float32, normalised as the backbone wants it."""
    mean = torch.tensor(spec.mean, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(spec.std, device=images.device).view(1, 3, 1, 1)
    return (images.float() / 255 - mean) / std
