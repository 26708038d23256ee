"""manage.py export: write a trained detector as the site's checkpoint files."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Write a finished run as a detector of the site, not yet calibrated (see `calibrate`)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("recipe", help="the recipe that was trained")
        parser.add_argument("--run", type=Path, help="folder of the run; default runs/NAME")
        parser.add_argument("--models", type=Path, default=Path("models"), help="where detectors are kept")
        parser.add_argument("--training-data", required=True, help="what it learned from, in words")
        parser.add_argument("--licence", required=True, help="under which terms that data is")

    def handle(self, *args: Any, **options: Any) -> None:
        from ml_app.detection.errors import CheckpointError  # noqa: PLC0415
        from ml_app.detection.networks.backbones import BackboneError  # noqa: PLC0415
        from ml_app.training.fitting.backbone import TrainingFailed  # noqa: PLC0415 - torch is slow to import
        from ml_app.training.landmarks import export_landmarks  # noqa: PLC0415
        from ml_app.training.publish import export  # noqa: PLC0415
        from ml_app.training.recipe import RecipeError, find_recipe, load_recipe  # noqa: PLC0415
        from ml_app.training.workflow import load_backbone, load_heads  # noqa: PLC0415

        try:
            recipe = load_recipe(find_recipe(options["recipe"]))
            run = options["run"] or Path("runs") / recipe.name
            folder = options["models"] / recipe.name
            told = {"training_data": options["training_data"], "licence": options["licence"]}
            if recipe.reads_landmarks:
                export_landmarks(recipe, run, folder, **told)
            else:
                export(recipe, load_backbone(recipe, run), load_heads(recipe, run), folder, **told)
        except (BackboneError, RecipeError, TrainingFailed, ValueError) as error:
            raise CommandError(str(error)) from error
        except CheckpointError as error:
            raise CommandError(error.message) from error
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        self.stdout.write(f"{folder}: {size:.1f} MB. Now run `calibrate {recipe.name}`.")
