"""The reading of variation over time: fitted on clips, left alone by what does not vary."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from ml_app.detection.networks.variation import variation
from ml_app.training.fitting.sequences import ClipView
from ml_app.training.fitting.variation import fit_variation
from ml_app.training.recipe import RecipeError, find_recipe, load_recipe

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
