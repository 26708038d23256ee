"""The other side of `document.py`: makes a PDF of a page of HTML, or takes the report out of one.

Runs in a process of its own, with limits that it takes upon itself first: what is asked for comes on standard
input, the answer leaves on standard output, and nothing else is opened but fonts and code. Knows no Django.

    python -m ml_app.reports.child make     {"html", "attachment", "name", "description"} → PDF
    python -m ml_app.reports.child open     PDF → the attached JSON
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from typing import Any

from ml_app.sandbox.limits import limit

SECONDS = 120  # of CPU time
MEMORY = 1536 * 1024**2  # bytes of address space
MOST_ATTACHED = 32_000_000  # bytes, as `sealing.MOST_BYTES`
ATTACHMENT = "report.json"
NO_LIBRARY, NO_ATTACHMENT, NO_PDF = 3, 4, 5  # exit statuses


def main() -> int:
    """One task."""
    limit(SECONDS, MEMORY)
    given = sys.stdin.buffer.read()
    try:
        answer = make(json.loads(given)) if sys.argv[1] == "make" else attached(given)
    except OSError as error:  # cffi could not load Pango or one of those that it needs
        sys.stderr.write(f"{error}\n")
        return NO_LIBRARY
    except LookupError:
        return NO_ATTACHMENT
    except ValueError:
        return NO_PDF
    sys.stdout.buffer.write(answer)
    return 0


def make(task: dict[str, Any]) -> bytes:
    """A tagged PDF/A-3a of a page that carries its styles and pictures in itself, with a file attached.

    Raises:
        OSError: Pango is not installed.
    """
    from weasyprint import HTML, Attachment  # noqa: PLC0415 - needs a library of the system
    from weasyprint.urls import URLFetcher  # noqa: PLC0415

    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)
    fetcher = URLFetcher(allowed_protocols=["data"], allow_redirects=False)
    attachment = Attachment(
        string=task["attachment"].encode(),
        name=ATTACHMENT,
        description=task["description"],
        relationship="Source",  # ISO 32000-2: what the pages were made from
    )
    pdf: bytes = HTML(string=task["html"], url_fetcher=fetcher).write_pdf(
        pdf_variant="pdf/a-3a", attachments=[attachment]
    )
    return pdf


def attached(content: bytes) -> bytes:
    """The report inside a PDF.

    Raises:
        LookupError: There is none, or it is too large.
        ValueError: It is no PDF that can be read.
    """
    from pypdf import PdfReader  # noqa: PLC0415 - not needed to make one
    from pypdf.errors import PyPdfError  # noqa: PLC0415

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        found = PdfReader(io.BytesIO(content)).attachments.get(ATTACHMENT, [])
    except (PyPdfError, TypeError, AttributeError, KeyError, RecursionError, AssertionError) as error:
        raise ValueError("no PDF") from error
    if len(found) != 1 or len(found[0]) > MOST_ATTACHED:
        raise LookupError(ATTACHMENT)
    return bytes(found[0])


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # what was read needs no tidying up
