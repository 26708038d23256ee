"""What a report costs: `python -m benchmarks.reports`.

A finished scan of 100 frames with three persons, in a database of its own. Prints a line of Markdown for the
JSON, for the PDF, and for opening that PDF again, and the most memory that the process beside the site took.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable


def main() -> None:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--persons", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _set_up(folder)
        _measure(options.frames, options.persons)


def _set_up(folder: str) -> None:
    os.environ |= {
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "DATA_DIR": f"{folder}/data",
        "MEDIA_ROOT": f"{folder}/media",
        "DJANGO_SETTINGS_MODULE": "deepfake_site.settings",
        "LOG_LEVEL": "ERROR",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _measure(frames: int, persons: int) -> None:
    from ml_app.reports.document import examine, pdf_of
    from ml_app.reports.pages import scan_page
    from ml_app.reports.scan_report import report_of
    from tests.factories import ScanFactory, add_face

    scan = ScanFactory.create(done=True, frame_count=frames, frames_analysed=frames)
    for number in range(1, persons + 1):
        add_face(scan, number=number, level=number / (persons + 1), frames=frames)
    print(f"{frames} frames, {persons} persons\n")
    print("| What | Wall s | CPU s beside the site | Bytes |\n| --- | --- | --- | --- |")
    report = _timed("JSON", lambda: report_of(scan))
    page = _timed("HTML", lambda: scan_page(scan, report).encode())
    pdf = _timed("PDF", lambda: pdf_of(page.decode(), report))
    print(f"\nMost memory of the process: {_children().ru_maxrss / 1024:.0f} MiB\n")
    _timed("key of the PDF, opened again", lambda: examine(pdf).public_key.encode() + b"\n")


def _timed(name: str, do: Callable[[], bytes]) -> bytes:
    before, began = _children(), time.perf_counter()
    content = do()
    wall, after = time.perf_counter() - began, _children()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"| {name} | {wall:.2f} | {cpu:.2f} | {len(content):,} |")
    return content


def _children() -> resource.struct_rusage:
    return resource.getrusage(resource.RUSAGE_CHILDREN)


if __name__ == "__main__":
    main()
