"""manage.py train: train the backbone of a recipe on prepared faces. Continues a run that was killed."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Train a detector's backbone by a recipe. A run that was stopped goes on from its last save."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("recipe", help="a name from ml_app/training/recipes, or the path of a YAML file")
        parser.add_argument("--data", type=Path, default=Path("runs/prepared"), help="from `prepare`")
        parser.add_argument("--run", type=Path, help="folder of this run; default runs/NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        from ml_app.training.fit import TrainingFailed  # noqa: PLC0415 - torch is slow to import
        from ml_app.training.recipe import RecipeError, find_recipe, load_recipe  # noqa: PLC0415
        from ml_app.training.workflow import train_backbone  # noqa: PLC0415

        try:
            recipe = load_recipe(find_recipe(options["recipe"]))
            run = options["run"] or Path("runs") / recipe.name
            train_backbone(recipe, options["data"], run, lambda row: self.stdout.write(json.dumps(row)))
        except (RecipeError, TrainingFailed, ValueError) as error:
            raise CommandError(str(error)) from error
