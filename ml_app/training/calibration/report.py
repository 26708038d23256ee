"""Measured figures as text: the table of the model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = tuple[str, ...]


def figures_table(figures: Mapping[int, Mapping[str, Any]]) -> str:
    """A Markdown table, one column for each frame count.

    Args:
        figures: By frame count, as in the heads' metadata.

    Returns:
        Lines of Markdown: value and 95 % interval of each figure.
    """
    counts = sorted(figures)
    rows: list[Row] = [("Dev figure", *(f"{count} frames" for count in counts))]
    rows.append(("---", *("---" for _ in counts)))
    names = dict.fromkeys(name for count in counts for name in _named(figures[count]))
    for name in names:
        rows.append((name, *(_cell(_named(figures[count]).get(name)) for count in counts)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _named(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    named = {f"Clips: AUC (n = {metrics['auc']['n']})": metrics["auc"]}
    for family, figures in metrics["families"].items():
        named[f"AUC, {family} against all genuine (n = {figures['auc']['n']})"] = figures["auc"]
    pairs = metrics["pair_accuracy"]
    named[f"Pair accuracy ({pairs['n']} pairs)"] = pairs
    named["Genuine clips called FAKE"] = metrics["false_positive_rate"]
    named["Fakes called FAKE"] = metrics["true_positive_rate"]
    named["Fakes called REAL"] = metrics["fakes_called_real"]
    named["Clips left UNCERTAIN"] = metrics["uncertain"]
    if "picture_pairs" in metrics:
        pictures = metrics["picture_pairs"]
        named[f"Pictures: AUC (n = {pictures['auc']['n']})"] = pictures["auc"]
        named[f"Pictures: pair accuracy ({pictures['pair_accuracy']['n']} pairs)"] = pictures["pair_accuracy"]
    return named


def _cell(figure: Mapping[str, Any] | None) -> str:
    if figure is None or figure["value"] is None:
        return "-"
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"
