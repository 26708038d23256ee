"""The translations: gather what is to be translated, and compile what was. Needs no gettext on the machine.

.venv/bin/python -m tests.project.catalogues    # or `make messages`
"""

from __future__ import annotations

import io
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import django
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from ml_app.detection.video.errors import MESSAGES

ROOT = Path(__file__).resolve().parents[2]
LOCALES = ROOT / "ml_app" / "locale"
KEYWORDS = DEFAULT_KEYWORDS | {
    name: DEFAULT_KEYWORDS[name.removesuffix("_lazy")]
    for name in ("gettext_lazy", "ngettext_lazy", "pgettext_lazy", "npgettext_lazy")
}
HEADER = "# {what}. Gathered and compiled by `make messages`."
OWN = "The pages and the review desk"
BORROWED = "What libraries say and do not bring in this language, or say wrongly"
# As Unicode's CLDR and Django have it; Babel's own rule for Arabic differs for the last two.
PLURALS = {
    "ar": (
        6,
        "n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 && n%100<=99 ? 4 : 5",
    )
}
ANY_DATE = datetime(2000, 1, 1, tzinfo=UTC)  # the same source makes the same file
UNWANTED = (
    "Project-Id",
    "Report-",
    "POT-Creation",
    "PO-Revision",
    "Last-Translator",
    "Language-Team",
    "Generated-By",
)


def messages() -> Catalog:
    """All texts of the code and the templates, in English."""
    catalog = Catalog(project="deepfake-site", charset="utf-8")
    for path in sorted((ROOT / "ml_app").rglob("*.py")):
        if "migrations" not in path.parts:
            gather(catalog, path, ROOT)
    for path in sorted((ROOT / "ml_app" / "templates").rglob("*.html")):
        gather(catalog, path, ROOT)
    # The reader of videos knows no Django: its sentences are translated where they are shown.
    for text in MESSAGES.values():
        catalog.add(text, locations=[("ml_app/detection/video/errors.py", 1)])
    return catalog


def gather(catalog: Catalog, path: Path, root: Path) -> None:
    """Add the texts of a module or a template, which is named by its path below the root."""
    source = path.read_bytes()
    if path.suffix != ".py":
        # Python in which only the texts are left, but still indented as HTML is.
        lines = templatize(source.decode(), origin=str(path)).splitlines()
        source = "\n".join(line.strip() for line in lines).encode()
    found = extract("python", io.BytesIO(source), KEYWORDS, options={"encoding": "utf-8"})
    for line, text, _comments, context in found:
        if text and text != ("", ""):
            catalog.add(text, locations=[(str(path.relative_to(root)), line)], context=context)


def read(language: str, locales: Path = LOCALES) -> Catalog:
    """The catalogue of a language as it stands in the repository, or an empty one."""
    path = locales / language / "LC_MESSAGES" / "django.po"
    if not path.exists():
        return _with_plurals(Catalog(locale=language), language)
    with path.open("rb") as file:
        return _with_plurals(read_po(file, locale=language), language)


def _with_plurals(catalog: Catalog, language: str) -> Catalog:
    if language in PLURALS:
        catalog._num_plurals, catalog._plural_expr = PLURALS[language]  # Babel offers no other way
    return catalog


def languages() -> list[str]:
    """Those that there are catalogues for."""
    return sorted(path.name for path in LOCALES.iterdir() if path.is_dir())


def compiled(catalog: Catalog) -> bytes:
    """What Django loads."""
    buffer = io.BytesIO()
    catalog.creation_date = catalog.revision_date = ANY_DATE
    write_mo(buffer, catalog)
    return buffer.getvalue()


def text_of(catalog: Catalog, what: str = OWN) -> bytes:
    """What translators edit: sorted, without line numbers, so that two changes rarely meet in one place."""
    buffer = io.BytesIO()
    catalog.header_comment = HEADER.format(what=what)
    write_po(buffer, catalog, width=110, sort_output=True, ignore_obsolete=True, include_lineno=False)
    # Of the header only what a reader of the file needs: dates and addresses would change with every run.
    unwanted = tuple(f'"{name}'.encode() for name in UNWANTED)
    return b"".join(line for line in buffer.getvalue().splitlines(True) if not line.startswith(unwanted))


def renew(language: str, template: Catalog, locales: Path, what: str) -> None:
    """Bring one catalogue up to date with what is to be translated, and compile it."""
    catalog = read(language, locales)
    catalog.update(template, no_fuzzy_matching=True)
    catalog.fuzzy = False
    folder = locales / language / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "django.po").write_bytes(text_of(catalog, what))
    (folder / "django.mo").write_bytes(compiled(read(language, locales)))
    missing = [message.id for message in catalog if message.id and not all(forms_of(message.string))]
    print(f"{language}: {len(catalog)} texts, {len(missing)} not translated")  # noqa: T201


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deepfake_site.settings")
    django.setup()
    from tests.project import borrowed

    template = messages()
    for language in languages():
        renew(language, template, LOCALES, OWN)
    for language in languages():
        left_out = borrowed.missing(language)
        if len(left_out):
            renew(language, left_out, borrowed.LOCALES, BORROWED)
        else:
            shutil.rmtree(borrowed.LOCALES / language, ignore_errors=True)


def forms_of(string: str | tuple[str, ...]) -> tuple[str, ...]:
    """A translation's plural forms, or the one that it has."""
    return string if isinstance(string, tuple) else (string,)


if __name__ == "__main__":
    main()
