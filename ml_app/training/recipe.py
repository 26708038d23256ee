"""Recipes: how a detector is trained, as a YAML file with typed, checked fields.

Not by `detection.checkpoints.records`, which ignores unknown keys: here a misspelt one is an error.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ml_app.detection.networks.backbones import BACKBONES
from ml_app.detection.networks.landmark_motion import LANDMARKS

PRECISIONS = ("auto", "bfloat16", "float32")  # of `Recipe.precision`
RECIPES = Path(__file__).parent / "recipes"


class RecipeError(ValueError):
    """A recipe cannot be used; the message says which key, and what is possible."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of a batch; they need not add up to one."""

    picture_pairs: float = 0.4  # genuine and swapped pictures of one original video
    self_blended: float = 0.2  # pseudo-fakes of genuine faces of every source
    clip_pairs: float = 0.15  # genuine and manipulated clips of one footage
    clips: float = 0.25  # a manipulated clip and a genuine one, each source by its root
    resampled: float = 0.0  # genuine faces of every source as a decoder would have written them
    reconstructed: float = 0.0  # genuine faces that a network has written anew, made by `reconstruct`


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the training at one input size."""

    size: int  # side of the crop, pixels
    steps: int = 0
    batch: int = 48  # even: half genuine, half manipulated
    epochs: float = 0.0  # instead of steps: how often as many genuine crops are shown as there are faces


@dataclass(frozen=True, slots=True)
class Heads:
    """How the sequence heads are trained on the frozen backbone."""

    frame_counts: tuple[int, ...] = (10, 20, 40, 60, 80, 100)
    projection: int = 256
    hidden: int = 128
    views: int = 3  # of each clip: how it is, and with that many less one augmentation draws
    blended: int = 0  # pseudo-fakes of each genuine clip, whose blend holds still, drifts, flickers in turn
    steps: int = 300
    batch: int = 32
    learning_rate: float = 0.001
    weight_decay: float = 0.1
    variation: float = 0.0  # weight of the reading of texture's variation over time; 0 leaves it out
    held_out: float = 0.25  # share of the train groups on which a head's best step is chosen
    dropout: float = 0.0  # of a landmark detector's heads
    noise: float = 0.0  # added to what these read, in deviations


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a training's result, but the data."""

    name: str  # of the detector
    version: str
    phases: tuple[Phase, ...]
    backbone: str = "resnext50_32x4d"  # key of networks.backbones.BACKBONES, or "landmarks68"
    pretrained: bool = False  # start from ImageNet weights, which are fetched
    initial_weights: str = ""  # or from a file: safetensors, or a state dict of torch
    initial_sha256: str = ""  # of that file
    initial_parts: tuple[str, ...] = ()  # or from such files for each network of a joint backbone
    initial_parts_sha256: tuple[str, ...] = ()  # of those files; none are looked at if empty
    teacher: str = ""  # folder of a finished run, or of a detector, that is learned from beside the labels
    teacher_size: int = 0  # side at which the teacher sees a face, pixels; 0: as the network itself
    imitation: float = 0.0  # weight of the teacher's feature map; 0 learns its logits alone
    frozen: tuple[str, ...] = ()  # patterns of names of the backbone's parameters that stay as they were
    margin: float = 1.1  # of the crop in serving, as a multiple of the landmarks' square
    margins: tuple[float, float] = (1.0, 1.18)  # lowest and highest in training
    seed: int = 0
    mix: Mix = field(default_factory=Mix)
    learning_rate: float = 0.001
    weight_decay: float = 0.05
    warm_up: float = 0.05  # share of the steps
    label_smoothing: float = 0.05
    ranking: float = 0.5  # weight of the loss that wants a fake above its genuine twin
    precision: str = "auto"  # bfloat16, float32, or auto: bfloat16 where the device is quick at it
    ema: float = 0.998  # decay of the averaged weights
    augmentation: float = 1.0  # strength
    recoding: float = 0.0  # chance that a face, or a clip for the heads, is re-encoded as H.264
    workers: int = 1  # threads that each work on a part of every batch; parts have at least two pairs
    save_every: int = 100  # steps
    measure_every: int = 500  # steps
    stop_after: int = 0  # steps; ends before the schedule does, 0 follows it to its end
    heads: Heads = field(default_factory=Heads)
    description: str = ""

    @property
    def reads_landmarks(self) -> bool:
        """Whether this is a landmark detector, which has no network that looks at crops, and no phases."""
        return self.backbone == LANDMARKS

    @property
    def steps(self) -> int:
        """Steps of all phases together."""
        return sum(phase.steps for phase in self.phases)

    @property
    def end(self) -> int:
        """The step after which the training is done."""
        return min(self.stop_after or self.steps, self.steps)

    def with_steps(self, genuine_faces: int) -> Recipe:
        """The recipe with every phase's epochs counted out in steps, for so many genuine train faces."""
        phases = tuple(
            dataclasses.replace(
                phase, steps=math.ceil(phase.epochs * genuine_faces / (phase.batch // 2)) or 1
            )
            if phase.epochs
            else phase
            for phase in self.phases
        )
        return dataclasses.replace(self, phases=phases)

    def phase_at(self, step: int) -> Phase:
        """The phase of a step, counted from 0; the last one from the end on."""
        for phase in self.phases:
            if step < phase.steps:
                return phase
            step -= phase.steps
        return self.phases[-1]


def completed(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe as an earlier version kept it with a run; keys that came later have their defaults."""
    plain = {f.name: f.default for f in dataclasses.fields(Recipe) if f.default is not dataclasses.MISSING}
    parts = {"mix": asdict(Mix()), "heads": asdict(Heads())}
    phases = tuple(asdict(Phase(0)) | phase for phase in recipe["phases"])
    # Counted out by the data, see `Recipe.with_steps`.
    phases = tuple(phase | {"steps": 0} if phase["epochs"] else phase for phase in phases)
    whole = {name: parts[name] | recipe.get(name, {}) for name in parts}
    return plain | recipe | whole | {"phases": phases}


def backbone_part(recipe: dict[str, Any]) -> dict[str, Any]:
    """What of a recipe (as a dictionary) decides the backbone: all but heads, words and the early end."""
    kept = completed(recipe)
    return {key: value for key, value in kept.items() if key not in {"heads", "description", "stop_after"}}


def find_recipe(name: str) -> Path:
    """The file of a recipe by its name, or the path itself.

    Raises:
        RecipeError: There is none.
    """
    for path in (RECIPES / f"{name}.yaml", Path(name)):
        if path.is_file():
            return path
    known = ", ".join(sorted(path.stem for path in RECIPES.glob("*.yaml")))
    raise RecipeError(f"There is no recipe {name!r}. Known: {known}; or give the path of a YAML file.")


def load_recipe(path: Path) -> Recipe:
    """Read a recipe. Where it is `like` another, what it does not say itself is as there.

    Raises:
        RecipeError: A key is unknown or missing, or a value is of the wrong kind; says which.
    """
    content = _read(path)
    if isinstance(content, dict) and "like" in content:
        other = _read(find_recipe(str(content.pop("like"))))
        if not isinstance(other, dict) or "like" in other:
            raise RecipeError(f"{path.name}: like names a recipe that stands for itself")
        content = {**other, **content}
    recipe = _build(Recipe, content, path.name)
    assert isinstance(recipe, Recipe)  # noqa: S101 - for the type checker
    if bool(recipe.phases) is recipe.reads_landmarks:
        raise RecipeError(f"{path.name}: phases train a network that looks at crops, and only such a one")
    if any(p.batch < 2 or p.batch % 2 or not _has_length(p) for p in recipe.phases):
        raise RecipeError(f"{path.name}: phases need steps or epochs, not both, and an even batch")
    if len(recipe.margins) != 2 or not 0 < recipe.margins[0] <= recipe.margin <= recipe.margins[1]:
        raise RecipeError(f"{path.name}: margins are the lowest and the highest, with margin between them")
    if recipe.initial_parts_sha256 and len(recipe.initial_parts_sha256) != len(recipe.initial_parts):
        raise RecipeError(f"{path.name}: initial_parts_sha256 wants a hash for each of initial_parts")
    if recipe.precision not in PRECISIONS:
        raise RecipeError(f"{path.name}: precision is {', '.join(PRECISIONS)}, not {recipe.precision!r}")
    if recipe.reads_landmarks:
        return recipe
    if recipe.backbone not in BACKBONES:
        known = ", ".join([*BACKBONES, LANDMARKS])
        raise RecipeError(f"{path.name}: there is no backbone {recipe.backbone!r}. Known: {known}")
    if recipe.heads.variation and not BACKBONES[recipe.backbone].texture:
        raise RecipeError(
            f"{path.name}: heads: variation wants a backbone that gives texture, such as "
            f"{next(name for name, spec in BACKBONES.items() if spec.texture)}, not {recipe.backbone}"
        )
    if recipe.pretrained and recipe.initial_weights:
        raise RecipeError(f"{path.name}: pretrained and initial_weights exclude each other; choose one")
    return recipe


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise RecipeError(f"{path.name} cannot be read: {error}") from error


def _has_length(phase: Phase) -> bool:
    return (phase.steps > 0) != (phase.epochs > 0) and min(phase.steps, phase.epochs) >= 0


def _build(kind: Any, content: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build_record(kind, content, where)
    origin = typing.get_origin(kind)
    if origin is tuple:
        if not isinstance(content, list):
            raise RecipeError(f"{where} must be a list")
        inner = typing.get_args(kind)[0]
        return tuple(_build(inner, value, f"{where}[{i}]") for i, value in enumerate(content))
    if origin in (typing.Union, types.UnionType):
        raise RecipeError(f"{where} cannot be set")
    if kind is float and isinstance(content, int) and not isinstance(content, bool):
        return float(content)
    if not isinstance(content, kind) or (isinstance(content, bool) and kind is not bool):
        raise RecipeError(f"{where} must be of type {kind.__name__}, not {content!r}")
    return content


def _build_record(kind: Any, content: Any, where: str) -> Any:
    if not isinstance(content, dict):
        raise RecipeError(f"{where} must hold keys and values")
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(content) - set(hints))
    if unknown:
        raise RecipeError(f"{where}: unknown key {unknown[0]!r}. Known: {', '.join(hints)}")
    required = [
        f.name
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in required if name not in content]
    if missing:
        raise RecipeError(f"{where}: the key {missing[0]!r} is missing")
    return kind(**{key: _build(hints[key], value, f"{where}: {key}") for key, value in content.items()})
