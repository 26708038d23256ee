"""The page that shows a measurement: one HTML file with its styles and drawings in it, no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from ml_app.reports import evaluation_plots as plots

STYLES = ("css/tokens.css", "css/evaluation.css")
CHANCE = 0.5

# Of the table of all clips: key, name, what it means, what chance gives where that is a fixed number.
OVERALL = (
    ("auc", "AUC", "a manipulated clip scores above a genuine one, both drawn at random", CHANCE),
    ("average_precision", "Average precision", "mean precision over all thresholds", None),
    ("accuracy", "Accuracy", "clips on their right side of the threshold", None),
    ("balanced_accuracy", "Balanced accuracy", "the same, both kinds weighing alike", CHANCE),
    ("precision", "Precision", "of the clips above the threshold, those that are manipulated", None),
    ("recall", "Recall", "manipulated clips above the threshold", None),
    ("f1", "F1", "harmonic mean of precision and recall", None),
    ("false_positive_rate", "False positive rate", "genuine clips above the threshold", None),
    ("equal_error_rate", "Equal error rate", "errors where both kinds err as often; less is better", CHANCE),
    ("tpr_at_fpr_1", "TPR at 1 % FPR", "manipulated clips found with 1 % false alarms at most", None),
    ("tpr_at_fpr_5", "TPR at 5 % FPR", "manipulated clips found with 5 % false alarms at most", None),
)
GROUP_COLUMNS = tuple(
    (key, name) for key, name, _, _ in OVERALL if key not in {"balanced_accuracy", "false_positive_rate"}
)
VERDICTS = (
    ("real", "REAL"),
    ("uncertain", "UNCERTAIN"),
    ("fake", "FAKE"),
    ("not_analysable", "NOT ANALYSABLE"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure in a table, with its drawing."""

    name: str
    figure: Mapping[str, Any]
    bar: plots.Bar | None
    hint: str = ""


def page(metrics: Mapping[str, Any]) -> str:
    """Render `metrics.json` as a page.

    Args:
        metrics: As `manage.py evaluate` writes them.
    """
    return render_to_string("ml_app/evaluation/report.html", _context(metrics))


def _context(metrics: Mapping[str, Any]) -> dict[str, Any]:
    overall = metrics["overall"]
    rows = [
        Row(name, overall[key], plots.bar(overall[key], chance), hint) for key, name, hint, chance in OVERALL
    ]
    pairs = metrics["pair_accuracy"]
    if pairs["n"]:
        hint = f"fakes that score above their genuine twin; {pairs['n']} pairs"
        rows.insert(1, Row("Pair accuracy", pairs, plots.bar(pairs, CHANCE), hint))
    return {
        "m": metrics,
        "styles": mark_safe(_styles()),  # noqa: S308 - our own files
        "refused": [
            (reason.replace("_", " "), count)
            for reason, count in metrics["not_analysable"]["reasons"].items()
        ],
        "rows": rows,
        "tables": list(_tables(metrics)),
        "corpora": [
            Row(name, found["false_positive_rate"], plots.bar(found["false_positive_rate"], None))
            for name, found in metrics["corpora"].items()
        ],
        "roc": plots.roc_plot(metrics["curves"]),
        "reliability": plots.reliability_plot(metrics["calibration"]["bins"]),
        "verdicts": [
            (kind, [(name, metrics["verdicts"][label][key]) for key, name in VERDICTS])
            for label, kind in (("real", "Genuine"), ("fake", "Manipulated"))
        ],
        "mistakes": (
            ("Genuine, highest", metrics["mistakes"]["genuine"]),
            ("Manipulated, lowest", metrics["mistakes"]["manipulated"]),
        ),
        "robustness": _robustness(metrics.get("robustness")),
        "groups": _groups(metrics.get("groups")),
    }


def _styles() -> str:
    paths = [finders.find(name) for name in STYLES]
    return "\n".join(Path(path).read_text(encoding="utf-8") for path in paths if isinstance(path, str))


def _tables(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str, list[Any]]]:
    for key, title, word in (
        ("families", "By family", "Family"),
        ("generators", "By generator", "Generator"),
    ):
        lines = [
            (name, found, [(label, found[figure]) for figure, label in GROUP_COLUMNS])
            for name, found in metrics[key].items()
        ]
        if lines:
            yield title, word, lines


def _robustness(variants: Sequence[Mapping[str, Any]] | None) -> dict[str, Any] | None:
    if not variants:
        return None
    by_name = {variant["name"]: variant for variant in variants}

    def points(*named: tuple[str, str]) -> list[tuple[str, Mapping[str, Any]]]:
        return [(label, by_name[name]["auc"]) for name, label in named if name in by_name]

    return {
        "rows": [(variant, plots.bar(variant["auc"], CHANCE)) for variant in variants],
        "curves": [
            (
                "Compression: H.264",
                plots.curve(
                    points(
                        ("original", "as is"),
                        ("h264_crf23", "crf 23"),
                        ("h264_crf32", "crf 32"),
                        ("h264_crf40", "crf 40"),
                    )
                ),
            ),
            (
                "Resolution",
                plots.curve(points(("original", "as is"), ("half", "half"), ("quarter", "quarter"))),
            ),
        ],
    }


def _groups(groups: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not groups:
        return None
    kinds = (("gender", "By gender"), ("origin", "By origin"), ("gender_and_origin", "By both"))
    highest = max(found["high"] or 0 for kind, _ in kinds for found in groups[kind].values())
    most = next(limit for limit in (0.1, 0.2, 0.5, 1.0) if limit >= min(highest, 1.0))
    return {
        "overall": groups["overall"],
        "without_face": groups["without_face"],
        "most": most,
        "kinds": [
            (
                title,
                [Row(name, found, plots.bar(found, None, most=most)) for name, found in groups[kind].items()],
            )
            for kind, title in kinds
        ],
    }
