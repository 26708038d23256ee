"""`manage.py evaluate`: measure a detector on labelled clips; write the figures and a page with them."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.errors import DetectionError

if TYPE_CHECKING:
    from ml_app.detection.runtime.detector import Detector
    from ml_app.training.evaluation.cache import Cache
    from ml_app.training.evaluation.figures import Bootstrap
    from ml_app.training.evaluation.judging import Judge, JudgedClip
    from ml_app.training.evaluation.table import LabelledClip
    from ml_app.training.evaluation.variants import Variant


class Command(BaseCommand):
    """Measures."""

    help = (
        "Measure a detector on labelled clips exactly as the site judges them. Writes metrics.json, "
        "scores.csv and index.html. What was judged before is not judged again."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        add = parser.add_argument
        add("--clips", type=Path, required=True, metavar="CSV", help="columns file and label; see the docs")
        add("--frames", type=int, help=f"frames of each clip; {settings.DEFAULT_FRAME_COUNT}, or the nearest")
        add("--split", help="measure only the rows of this split; all by default")
        add("--report", type=Path, default=Path("runs/evaluation"), metavar="FOLDER", help="where to write")
        add(
            "--robustness",
            nargs="*",
            metavar="NAME",
            help="also on compressed, scaled, cut and filmed variants: on those named, or on all",
        )
        add("--faces", type=Path, metavar="TAR", help="genuine pictures, for false alarms by group")
        add("--detector", default=settings.DETECTOR, help="name of an installed detector")
        add("--models", type=Path, default=settings.MODELS_DIR, help="where detectors are kept")
        add("--device", default=settings.DEVICE, help="auto, cpu or cuda")
        add("--cache", type=Path, default=Path("runs/judged"), help="for what was judged before")
        add("--jobs", type=int, help="clips at the same time; one for every four cores")
        add("--resamples", type=int, default=1000, help="of the bootstrap")
        add("--seed", type=int, default=0, help="of the bootstrap")

    def handle(self, *args: Any, **options: Any) -> None:
        """Judge, measure, write."""
        for name in ("frames", "jobs", "resamples"):
            if options[name] is not None and options[name] < 1:
                raise CommandError(f"--{name} must be 1 or more.")
        try:
            self._evaluate(options)
        except DetectionError as error:
            raise CommandError(error.message) from error
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error

    def _evaluate(self, options: dict[str, Any]) -> None:
        from ml_app.reports import evaluation_page  # noqa: PLC0415
        from ml_app.training.evaluation import groups, results  # noqa: PLC0415 - torch and sklearn are slow to import
        from ml_app.training.evaluation.about import about  # noqa: PLC0415
        from ml_app.training.evaluation.figures import Bootstrap  # noqa: PLC0415
        from ml_app.training.evaluation.table import read_table  # noqa: PLC0415

        variants = _variants(options["robustness"])
        clips = read_table(options["clips"], options["split"])
        judge = _judge(options)
        of_portraits = groups.of_portraits(judge.detector) if options["faces"] else None
        bootstrap = Bootstrap(options["resamples"], options["seed"])
        metrics = about(options["clips"], options["split"], clips, judge.detector, bootstrap)
        for note in metrics["notes"]:
            self.stderr.write(f"Note: {note}")
        judged = _judged(judge, clips, "clips", options["jobs"])
        threshold = judge.detector.metadata.decision.threshold
        metrics |= results.results(judged, threshold, bootstrap)
        if variants:
            metrics["robustness"] = _robustness(judge, judged, variants, bootstrap, options["jobs"])
        if of_portraits:
            metrics["groups"] = _groups(of_portraits, judge.cache, options["faces"])
        out: Path = options["report"]
        out.mkdir(parents=True, exist_ok=True)
        results.write_scores(out / "scores.csv", judged)
        text = json.dumps(metrics, indent=1, ensure_ascii=False, allow_nan=False)
        (out / "metrics.json").write_text(text + "\n", encoding="utf-8")
        (out / "index.html").write_text(evaluation_page.page(metrics), encoding="utf-8")
        self._tell(metrics, out)

    def _tell(self, metrics: dict[str, Any], out: Path) -> None:
        refused = metrics["not_analysable"]
        if refused["n"]:
            reasons = ", ".join(f"{count} {reason}" for reason, count in refused["reasons"].items())
            self.stderr.write(f"{refused['n']} clips have no score: {reasons}.")
        figures = [("AUC", metrics["overall"]["auc"]), ("Pair accuracy", metrics["pair_accuracy"])]
        figures += [(f"AUC, {name}", family["auc"]) for name, family in metrics["families"].items()]
        for name, figure in figures:
            if figure["value"] is not None:
                interval = f"{figure['low']:.3f} to {figure['high']:.3f}"
                self.stdout.write(f"{name}: {figure['value']:.3f} ({interval}, n = {figure['n']})")
        self.stdout.write(f"The report is {out / 'index.html'}.")


def _judge(options: dict[str, Any]) -> Judge:
    from ml_app.detection import ensemble  # noqa: PLC0415
    from ml_app.training.evaluation.cache import Cache  # noqa: PLC0415
    from ml_app.training.evaluation.judging import Judge  # noqa: PLC0415

    models, name = options["models"], options["detector"]
    frames = options["frames"] or open_folder(models, name).nearest(settings.DEFAULT_FRAME_COUNT)
    detector = ensemble.load(models, name, frames, options["device"]).ready()
    asked = [part.name for part in detector.metadata.parts] or [name]
    depends = {
        "head": detector.info.sha256,
        "backbone": detector.metadata.backbone_sha256,
        "drawn": [drawn.sha256 for one in asked if (drawn := open_folder(models, one).drawn)],
        "frames": frames,
        "device": detector.describe_device(),
    }
    return Judge(detector, frames, Cache(options["cache"], depends))


def _judged(
    judge: Judge, clips: list[LabelledClip], name: str, jobs: int | None, **how: Any
) -> list[JudgedClip]:
    from ml_app.training.evaluation.judging import judge_clips  # noqa: PLC0415

    judging = judge_clips(judge, clips, jobs=jobs, **how)
    return list(tqdm(judging, desc=name, total=len(clips), unit="clip", disable=None))


def _variants(names: list[str] | None) -> list[Variant]:
    """Those of these names, all where none is named, none where they are not asked for."""
    from ml_app.training.evaluation.variants import VARIANTS  # noqa: PLC0415

    if names is None:
        return []
    known = {variant.name: variant for variant in VARIANTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CommandError(f"No such variant: {', '.join(unknown)}. There are {', '.join(known)}.")
    return [known[name] for name in names or known]


def _robustness(
    judge: Judge, judged: list[JudgedClip], variants: list[Variant], bootstrap: Bootstrap, jobs: int | None
) -> list[dict[str, Any]]:
    from ml_app.training.evaluation.results import robustness  # noqa: PLC0415

    # A clip that cannot be analysed as it is would only be counted again.
    usable = [item for item in judged if item.judgement.analysable]
    clips = [item.clip for item in usable]
    varied = {variant: _judged(judge, clips, variant.label, jobs, variant=variant) for variant in variants}
    return robustness(usable, varied, judge.detector.metadata.decision.threshold, bootstrap)


def _groups(detector: Detector, cache: Cache, tar: Path) -> dict[str, Any]:
    from ml_app.training.evaluation.groups import false_positive_rates, judge_portraits  # noqa: PLC0415

    with tqdm(desc="faces", unit="picture", disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        portraits = judge_portraits(tar, detector, cache, on_done=show)
    return {"split": "dev", **false_positive_rates(portraits, detector.decision.threshold)}
