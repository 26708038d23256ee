"""Measured figures as text: the table of the model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = tuple[str, ...]


def figures_table(figures: Mapping[int, Mapping[str, Any]], things: str = "clips") -> str:
    """A Markdown table, one column for each frame count.

    Args:
        figures: By frame count, as in the heads' metadata.
        things: What they were measured on, "clips" or "pictures".

    Returns:
        Lines of Markdown: value and 95 % interval of each figure.
    """
    counts = sorted(figures)
    heads = [f"{count} frames" if things == "clips" else "one picture" for count in counts]
    rows: list[Row] = [("Dev figure", *heads)]
    rows.append(("---", *("---" for _ in counts)))
    names = dict.fromkeys(name for count in counts for name in _named(figures[count], things))
    for name in names:
        rows.append((name, *(_cell(_named(figures[count], things).get(name)) for count in counts)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _named(metrics: Mapping[str, Any], things: str) -> dict[str, Mapping[str, Any]]:
    named = {f"{things.capitalize()}: AUC (n = {metrics['auc']['n']})": metrics["auc"]}
    for family, figures in metrics["families"].items():
        named[f"AUC, {family} against all genuine (n = {figures['auc']['n']})"] = figures["auc"]
    pairs = metrics["pair_accuracy"]
    named[f"Pair accuracy ({pairs['n']} pairs)"] = pairs
    named[f"Genuine {things} called FAKE"] = metrics["false_positive_rate"]
    for name, figures in metrics.get("sets", {}).items():
        alarms = figures["false_positive_rate"]
        named[f"Genuine {things} of {name} called FAKE (n = {alarms['n']})"] = alarms
    named["Fakes called FAKE"] = metrics["true_positive_rate"]
    named["Fakes called REAL"] = metrics["fakes_called_real"]
    named[f"{things.capitalize()} left UNCERTAIN"] = metrics["uncertain"]
    return named


def _cell(figure: Mapping[str, Any] | None) -> str:
    if figure is None or figure["value"] is None:
        return "-"
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"
