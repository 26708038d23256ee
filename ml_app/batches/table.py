"""Tables of links: a CSV file, or one link a line."""

from __future__ import annotations

import csv
import io

from ml_app.errors import refuse
from ml_app.fetching.addresses import check_url
from ml_app.fetching.errors import FetchError

LARGEST = 5 * 1024**2  # bytes
LONGEST_FIELD = 10_000
_HEADS = ("url", "link", "links", "urls", "address", "href")
_SEPARATORS = ",;\t"


def links(content: bytes, *, at_most: int) -> list[str]:
    """The links of a table, as they stand there: of the column "url" or "link", or else of the first one.

    Args:
        content: In UTF-8 or UTF-16, separated by comma, semicolon or tab.
        at_most: More rows are refused.

    Raises:
        ServiceError: "table_broken", "table_empty" or "batch_too_many".
    """
    if len(content) > LARGEST:
        raise refuse("table_broken")
    rows = [row for row in _rows(_text(content)) if any(cell.strip() for cell in row)]
    heads = [cell.strip().lower() for cell in rows[0]] if rows else []
    named = [at for at, head in enumerate(heads) if head in _HEADS]
    if named:
        rows = rows[1:]
    at = named[0] if named else 0
    found = [row[at].strip() if at < len(row) else "" for row in rows]
    if not found:
        raise refuse("table_empty")
    if len(found) > at_most:
        raise refuse("batch_too_many")
    if not named and not any(is_link(link) for link in found):
        raise refuse("table_broken")
    return found


def is_link(text: str) -> bool:
    """Whether anything can be asked of it."""
    try:
        check_url(text)
    except FetchError:
        return False
    return True


def _text(content: bytes) -> str:
    utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeError as error:
        raise refuse("table_broken") from error
    if "\0" in text:
        raise refuse("table_broken")
    return text


def _rows(text: str) -> list[list[str]]:
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        return list(csv.reader(io.StringIO(text), delimiter=separator))
    except csv.Error as error:
        raise refuse("table_broken") from error
    finally:
        csv.field_size_limit(before)
