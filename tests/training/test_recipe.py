"""Recipes are checked before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ml_app.training.fitting.backbone import rate_at
from ml_app.training.recipe import RECIPES, RecipeError, find_recipe, load_recipe

GOOD = "name: a\nversion: '1'\nphases: [{size: 32, steps: 10}]\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_that_ship_are_sound(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert find_recipe(path.stem) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "learning_rat: 0.1\n", "unknown key 'learning_rat'"),
        (GOOD + "mix: {self_blend: 1}\n", "unknown key 'self_blend'"),
        (GOOD + "learning_rate: fast\n", "learning_rate must be of type float"),
        (GOOD + "seed: 1.5\n", "seed must be of type int"),
        (GOOD + "phases: 3\n", "phases must be a list"),
        ("name: a\nversion: '1'\n", "'phases' is missing"),
        ("name: a\nversion: '1'\nphases: [{size: 32, steps: 1, batch: 7}]\n", "even batch"),
        ("name: a\nversion: '1'\nphases: [{size: 32, steps: 1, epochs: 1}]\n", "not both"),
        ("name: a\nversion: '1'\nphases: [{size: 32}]\n", "steps or epochs"),
        ("name: a\nversion: '1'\nphases: [{size: 32, epochs: -1}]\n", "steps or epochs"),
        (GOOD + "precision: half\n", "precision is auto, bfloat16, float32, not 'half'"),
        ("- a\n", "keys and values"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(written(tmp_path, text))


def test_a_recipe_may_be_like_another(tmp_path: Path) -> None:
    text = "like: resnext50-taught\nname: mine\nbackbone: resnet50\ninitial_weights: ''\n"
    mine, other = load_recipe(written(tmp_path, text)), load_recipe(find_recipe("resnext50-taught"))
    assert (mine.name, mine.backbone, mine.initial_weights) == ("mine", "resnet50", "")
    assert (mine.teacher, mine.phases, mine.mix) == (other.teacher, other.phases, other.mix)
    with pytest.raises(RecipeError, match="standart"):
        load_recipe(written(tmp_path, "like: standart\nname: mine\n"))
    with pytest.raises(RecipeError, match="stands for itself"):
        load_recipe(written(tmp_path, "like: resnet50-taught\nname: mine\n"))
    with pytest.raises(RecipeError, match="unknown key 'learning_rat'"):
        load_recipe(written(tmp_path, "like: standard\nname: mine\nlearning_rat: 1\n"))


def test_the_command_says_which_recipes_there_are() -> None:
    with pytest.raises(CommandError, match="standard"):
        call_command("train", "standart")


def test_the_command_refuses_a_misspelt_key(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD + "warmup: 0.1\n")
    with pytest.raises(CommandError, match="warmup"):
        call_command("train", str(path))


def test_phases_and_rates(tmp_path: Path) -> None:
    text = "name: a\nversion: '1'\nphases: [{size: 32, steps: 10}, {size: 48, steps: 30}]\nwarm_up: 0.1\n"
    recipe = load_recipe(written(tmp_path, text))
    assert recipe.steps == 40
    assert [recipe.phase_at(step).size for step in (0, 9, 10, 39, 40)] == [32, 32, 48, 48, 48]
    rates = [rate_at(recipe, step) for step in range(40)]
    assert max(rates) == pytest.approx(recipe.learning_rate)
    assert rates[0] < rates[3]
    assert rates[39] < 0.02 * recipe.learning_rate
