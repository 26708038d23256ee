"""manage.py train: train the backbone and the heads of a recipe. Continues a run that was killed."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Train a detector by a recipe on prepared faces. A run that was stopped goes on from its last save."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("recipe", help="a name from ml_app/training/recipes, or the path of a YAML file")
        parser.add_argument("--data", type=Path, default=Path("runs/prepared"), help="from `prepare`")
        parser.add_argument("--run", type=Path, help="folder of this run; default runs/NAME")
        parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
        parser.add_argument("--only", choices=["backbone", "heads"], help="do one of the two parts")
        parser.add_argument(
            "--onto",
            type=Path,
            metavar="FOLDER",
            help="a landmark detector: train the heads of the recipe that it lacks, over its backbone",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from ml_app.detection.errors import CheckpointError  # noqa: PLC0415
        from ml_app.detection.networks.backbones import BackboneError  # noqa: PLC0415
        from ml_app.training.fitting.backbone import TrainingFailed  # noqa: PLC0415 - torch is slow to import
        from ml_app.training.landmarks import train_landmarks  # noqa: PLC0415
        from ml_app.training.recipe import RecipeError, find_recipe, load_recipe  # noqa: PLC0415
        from ml_app.training.workflow import train_backbone, train_heads  # noqa: PLC0415

        try:
            recipe = load_recipe(find_recipe(options["recipe"]))
            run = options["run"] or Path("runs") / recipe.name
            if recipe.reads_landmarks:
                train_landmarks(recipe, options["data"], run, self._log, onto=options["onto"])
                return
            if options["onto"]:
                raise CommandError("--onto is for landmark detectors: this recipe has a network of its own.")
            if options["only"] != "heads":
                train_backbone(recipe, options["data"], run, self._log, options["device"])
            if options["only"] != "backbone":
                train_heads(recipe, options["data"], run, self._log, options["device"])
        except (BackboneError, RecipeError, TrainingFailed, ValueError) as error:
            raise CommandError(str(error)) from error
        except CheckpointError as error:
            raise CommandError(error.message) from error

    def _log(self, row: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(row))
