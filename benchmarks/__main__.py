"""Measure the speed of analyses: `python -m benchmarks [PART ...]`, with the parts that --help names.

With --write, each table also goes between its markers in docs/performance.md, as soon as it is measured.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import re
from importlib.metadata import version
from pathlib import Path

from benchmarks.speed import PARTS, Effort, run

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
LIBRARIES = ("torch", "onnxruntime", "av", "dlib-bin", "opencv-python-headless")


def machine() -> str:
    """What it was measured on, in a line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, two cores of {model}, no GPU, "
        f"Python {platform.python_version()}, {libraries}."
    )


def written(text: str, part: str, content: str) -> str:
    """A page with `content` between the markers of `part`.

    Raises:
        ValueError: The page has no such markers.
    """
    pattern = re.compile(rf"(<!-- {part} -->\n).*?(<!-- end of {part} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{PAGE.name} has no markers for {part!r}")
    return pattern.sub(lambda match: match[1] + content + match[2], text)


def main() -> None:
    """Measure what was asked for, or everything."""
    usual = Effort()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--write", action="store_true", help="into docs/performance.md as well")
    parser.add_argument(
        "--rounds",
        type=int,
        default=usual.rounds,
        help="of each measurement, but 2 at most beside the published pipeline (default: %(default)s)",
    )
    options = parser.parse_args()
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; known: {', '.join(PARTS)}")
    effort = Effort(rounds=options.rounds, rounds_published=min(options.rounds, usual.rounds_published))
    print(machine() + "\n")
    for part in options.parts or PARTS:
        table = run(part, effort)
        print(f"{part}\n\n{table}", flush=True)
        if options.write:
            content = f"{table}\n{machine()} Rounds: {options.rounds}.\n"
            PAGE.write_text(written(PAGE.read_text(), part, content))


if __name__ == "__main__":
    main()
