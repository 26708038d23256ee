"""Texts of libraries that pages of accounts show, in languages that the libraries themselves do not speak.

django-allauth has no Hindi, and what Django says of fields, passwords and names lacks some languages. What a
library leaves out or says wrongly is translated in `ml_app/accounts/locale`; what an update brings, or
translates by itself, shows at once in `tests/project/test_borrowed_translations.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import allauth
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from django import __path__ as django_path
from django.conf import settings

from tests.project import catalogues

ALLAUTH = Path(allauth.__file__).parent
DJANGO = Path(django_path[0])
AUTH = DJANGO / "contrib" / "auth"
FIELDS = ("forms/fields.py", "forms/models.py", "core/validators.py")
WRONG = {("ar", "MFA")}  # "ministry of foreign affairs"
# Left over from an editor: marks that turn the direction of all that follows, a whole sentence among it.
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e")
LOCALES = catalogues.ROOT / "ml_app" / "accounts" / "locale"


def sources() -> dict[Path, list[Path]]:
    """For the folder of each library's catalogues, the files that it has texts for visitors in."""
    return {
        ALLAUTH: sorted(_of_allauth()),
        AUTH: [AUTH / "password_validation.py", AUTH / "validators.py"],
        DJANGO / "conf": [DJANGO / name for name in FIELDS],
    }


def _of_allauth() -> Iterator[Path]:
    apps = [app.split(".")[1:] for app in settings.INSTALLED_APPS if app.startswith("allauth.")]
    for parts in [*apps, ["core"], ["socialaccount", "providers", "base"]]:
        for path in ALLAUTH.joinpath(*parts).rglob("*.py"):
            inside = path.relative_to(ALLAUTH.joinpath(*parts)).parts
            if not {"migrations", "tests", "providers"} & set(inside):
                yield path
    for name in {"allauth"} | {parts[0] for parts in apps}:
        yield from (path for path in (ALLAUTH / "templates" / name).rglob("*") if path.is_file())


def missing(language: str) -> Catalog:
    """What neither the library nor this site's own catalogue says in a language, in English."""
    wanted = Catalog(charset="utf-8")
    own = catalogues.read(language)
    for library, paths in sources().items():
        texts = Catalog(charset="utf-8")
        for path in paths:
            catalogues.gather(texts, path, library.parent)
        theirs = _compiled(library / "locale" / language / "LC_MESSAGES" / "django.mo")
        for text in texts:
            theirs_is_right = (language, text.id) not in WRONG and _is_said(theirs, text)
            if text.id and not (theirs_is_right or _is_said(own, text)):
                wanted.add(text.id, locations=text.locations, context=text.context)
    return wanted


def _compiled(path: Path) -> Catalog:
    said = Catalog(charset="utf-8")
    if path.exists():
        with path.open("rb") as file:
            for text in read_mo(file):
                context = text.context
                # Babel leaves the context of a compiled text as bytes.
                said.add(
                    text.id, text.string, context=context.decode() if isinstance(context, bytes) else context
                )
    return said


def _is_said(catalog: Catalog, text: Message) -> bool:
    said = catalog.get(text.id, text.context)
    if said is None or not all(catalogues.forms_of(said.string)):
        return False
    return not any(DIRECTIONS & set(form) for form in catalogues.forms_of(said.string))
