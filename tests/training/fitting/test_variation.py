"""The reading of variation over time: fitted on clips, left alone by what does not vary."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from ml_app.detection.networks.variation import variation
from ml_app.training.fitting.batches import LARGEST_GROUP, Weighted
from ml_app.training.fitting.heads import fit_head
from ml_app.training.fitting.sequences import ClipView
from ml_app.training.fitting.variation import fit_variation
from ml_app.training.recipe import Heads, RecipeError, find_recipe, load_recipe

CHANNELS = 6


def clip(number: int, *, fake: bool, spacing: float = 0.08) -> ClipView:
    """Fakes stand stiller; the mean level tells nothing."""
    generator = torch.Generator().manual_seed(number)
    texture = torch.randn(40, CHANNELS, generator=generator) * (0.3 if fake else 1.0) + number
    rest = torch.full((40, 4), 7.0 if fake else -7.0)
    times = tuple(spacing * i for i in range(40))
    return ClipView(torch.cat([rest, texture], dim=1), times, fake, f"{number}", f"source {number % 5}")


def logit(layer: torch.nn.Linear, view: ClipView) -> float:
    measured = variation(view.embeddings.numpy(), view.times, CHANNELS)
    assert measured is not None
    return float(layer(torch.from_numpy(measured)).detach())


def test_clips_that_stand_still_score_higher() -> None:
    views = [clip(number, fake=number % 2 == 0) for number in range(40)]
    layer = fit_variation(views, 20, CHANNELS, 1.0)
    fakes, genuine = (
        [logit(layer, clip(number, fake=fake)) for number in range(90, 100)] for fake in (True, False)
    )
    assert min(fakes) > max(genuine)
    assert min(fakes) > 0 > max(genuine)
    twice = fit_variation(views, 20, CHANNELS, 2.0)
    assert logit(twice, views[0]) == pytest.approx(2 * logit(layer, views[0]), rel=1e-4)


def test_a_head_reads_variation_beside_its_frames() -> None:
    views = [clip(number, fake=number % 2 == 0) for number in range(24)]
    classify = torch.nn.Linear(4, 1)
    settings = Heads(projection=4, hidden=3, steps=10, batch=4, variation=2.0)
    fitted = fit_head(views, 20, classify, settings, 1, texture=CHANNELS)
    head = fitted.head
    assert (head.config.channels, head.config.varying) == (4 + CHANNELS, CHANNELS)
    assert torch.equal(head.frame.weight, classify.weight)
    changed = views[0].embeddings.clone()
    changed[:, 4:] += 5
    with torch.inference_mode():
        pair = [head(embeddings[None]).persons for embeddings in (views[0].embeddings, changed)]
    assert torch.equal(*pair)  # of texture nothing but its variation is read
    assert head.variation is not None
    assert logit(head.variation, views[0]) > 0 > logit(head.variation, views[1])


def test_sources_are_drawn_by_the_root_of_their_size() -> None:
    groups = {"large": ["a"] * 900, "middle": ["b"] * 25, "small": ["c"]}
    rng = np.random.default_rng(1)
    drawn = Counter(Weighted(groups).one(rng) for _ in range(4000))
    whole = LARGEST_GROUP**0.5 + 5 + 1
    assert drawn["a"] / 4000 == pytest.approx(LARGEST_GROUP**0.5 / whole, abs=0.03)
    assert drawn["b"] / 4000 == pytest.approx(5 / whole, abs=0.03)
    assert not Weighted({})


def test_clips_without_frames_enough_are_refused() -> None:
    views = [clip(number, fake=number % 2 == 0, spacing=2.0) for number in range(8)]
    with pytest.raises(ValueError, match="several frames a second"):
        fit_variation(views, 20, CHANNELS, 1.0)


def test_a_backbone_without_texture_is_refused(tmp_path: Path) -> None:
    content = yaml.safe_load(find_recipe("lite0").read_text())
    content["heads"]["variation"] = 1.0
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(RecipeError, match="efficientnet_lite0_textured, not efficientnet_lite0"):
        load_recipe(path)


@pytest.mark.parametrize("margins", [[1.0], [1.2, 1.3], [1.0, 1.05]])
def test_margins_hold_the_margin_of_serving(tmp_path: Path, margins: list[float]) -> None:
    content = yaml.safe_load(find_recipe("lite0").read_text())
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content | {"margins": margins}))
    with pytest.raises(RecipeError, match="margin between them"):
        load_recipe(path)
