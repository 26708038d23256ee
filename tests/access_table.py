"""The table of docs/security.md: what each address answers to whom, as the tests have it.

.venv/bin/python -m tests.access_table    # writes it anew
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import django

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "security.md"
BEGINNING, END = "<!-- the tests' table begins -->", "<!-- the tests' table ends -->"
WORDS = {405: ""}  # a method that the address has not


def table() -> str:
    """In Markdown: a row for each address and method that it has."""
    from tests.access_rules import IN_TEAM, WHO, patterns
    from tests.api.api_rules import RULES as OF_THE_API
    from tests.web.page_rules import RULES as OF_THE_PAGES

    ways = dict(patterns())
    people = [*WHO, *(f"team: {who}" for who in IN_TEAM)]
    lines = [f"| Address | | {' | '.join(people)} |", f"| --- | --- |{' --- |' * len(people)}"]
    for name, rule in (OF_THE_PAGES | OF_THE_API).items():
        address = "/" + "".join(_plain(str(part.pattern)) for part in ways[name])
        for method in ("GET", "POST", "DELETE"):
            answers = (*getattr(rule, method), *rule.of_team(method))
            if set(answers) != {405}:
                told = " | ".join(WORDS.get(status, str(status)) for status in answers)
                lines.append(f"| `{address}` | {method} | {told} |")
    return "\n".join(lines)


def _plain(pattern: str) -> str:
    """A pattern as people write addresses."""
    named = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", pattern)
    return re.sub(r"<\w+:(\w+)>", r"<\1>", named).replace("(?:/|$)", "/…").strip("^$")


def document() -> str:
    """docs/security.md with the table as it should be."""
    before, rest = DOCUMENT.read_text().split(BEGINNING)
    return f"{before}{BEGINNING}\n\n{table()}\n\n{END}{rest.split(END)[1]}"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deepfake_site.settings")
    django.setup()
    DOCUMENT.write_text(document())


if __name__ == "__main__":
    main()
