"""The benchmarks run. How fast anything is belongs into docs/performance.md, never into a test."""

from __future__ import annotations

import re

import pytest

from benchmarks.__main__ import PAGE, machine, written
from benchmarks.speed import PARTS, Effort, run

TINY = Effort(
    seconds=0.4,
    size=(320, 240),
    counts=(2,),
    frames=(2, 4),
    sizes=((320, 240), (480, 360)),
    hour=2,
    crowd=(2, 1),
    scans=2,
    rounds=1,
    rounds_published=1,
)


@pytest.mark.processes
@pytest.mark.parametrize("part", PARTS)
def test_every_part_measures_what_it_names(part: str) -> None:
    table = run(part, TINY)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert len({len(row) for row in rows}) == 1
    measured = [row for row in rows[2:] if not row[0].endswith("ratio")]
    assert len(measured) >= 2
    for row in measured:
        assert float(row[1]) >= 0
        if len(row) > 3:  # a process that imports torch needs at least this much memory
            assert 0.1 < float(row[3]) < 20
            assert float(row[2]) > (0.05 if row[0].endswith("the scan alone") else 0.5)


def test_the_page_has_room_for_every_part_and_names_the_commands() -> None:
    text = PAGE.read_text()
    for part in PARTS:
        assert f"<!-- {part} -->" in written(text, part, "| a table |\n")
    assert "make bench" in text and "python -m benchmarks" in text


def test_the_page_holds_a_table_of_every_part() -> None:
    text = PAGE.read_text()
    for part in PARTS:
        found = re.search(rf"<!-- {part} -->\n(.*?)<!-- end of {part} -->", text, re.DOTALL)
        assert found is not None
        assert found[1].count("\n|") >= 3, f"run `make bench PARTS={part} WRITE=1`"


def test_writing_replaces_one_table_and_nothing_else() -> None:
    text = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n<!-- y -->\nkept\n<!-- end of y -->\n"
    assert written(text, "x", "new\n") == text.replace("old\n", "new\n")
    with pytest.raises(ValueError, match="no markers"):
        written(text, "z", "new\n")


def test_the_machine_is_told_with_versions() -> None:
    assert re.search(r"\d{4}-\d\d-\d\d, two cores of .+ torch \d", machine())
