"""No text of a page stands outside gettext, and what is there is translated, whole and as compiled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Message
from django.test import Client

from tests.factories import ScanFactory, add_face
from tests.project import catalogues
from tests.web.conftest import OWNER, TOKEN, visitor

ROOT = Path(__file__).resolve().parents[2]
# The report that `manage.py evaluate` writes is a file for whoever trains, in English as the command line is.
TEMPLATES = [
    path
    for path in sorted((ROOT / "ml_app" / "templates").rglob("*.html"))
    if path.parent.name != "evaluation"
]
NAMES = re.compile(r"SHA-256|ROC")  # the same in every language
SPOKEN = {"alt", "title", "aria-label", "placeholder", "aria-valuetext", "aria-description"}
_TRANSLATED = re.compile(r"{%\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}", re.DOTALL)
_COMMENTS = re.compile(r"{#.*?#}|{%\s*comment\b.*?{%\s*endcomment\s*%}", re.DOTALL)
_SPOKEN_BY_SCRIPTS = re.compile(
    r'(?:textContent|innerText|title|aria-label",|alt)\s*=?\s*(?:"([^"]*)"|`([^`]*)`)'
)
_TAGS = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)


@pytest.fixture(autouse=True)
def _plain_static_files(settings: Any, tmp_path: Path) -> None:
    """Pages that are asked for here need no collected files."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


class _Texts(HTMLParser):
    """What a reader or a screen reader would be told."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "script")
        for name, value in attrs:
            is_button = tag == "input" and name == "value" and ("type", "submit") in attrs
            is_words_of_script = name.startswith("data-") and " " in (value or "").strip()
            if name in SPOKEN or is_button or is_words_of_script:
                self.found.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)


def bare_texts(template: str) -> list[str]:
    """Words of a template that do not go through gettext."""
    source = _COMMENTS.sub("", template)
    source = _TAGS.sub("", _TRANSLATED.sub("", source))
    parser = _Texts()
    parser.feed(source)
    parser.close()
    found = [NAMES.sub("", text) for text in parser.found]
    return [text.strip() for text in found if re.search(r"[^\W\d_]{2,}", text)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_bare_text(path: Path) -> None:
    assert bare_texts(path.read_text()) == []


@pytest.mark.parametrize(
    "template",
    [
        "<p>Hello</p>",
        '<p>{% translate "Hello" %} there</p>',
        '<img alt="A face">',
        '<a aria-label="Open {{ name }}">{{ name }}</a>',
        "{% if x %}Yes{% else %}{{ y }}{% endif %}",
        '<input type="submit" value="Save">',
        '<form data-empty="The file is empty.">',
    ],
)
def test_bare_text_would_be_found(template: str) -> None:
    assert len(bare_texts(template)) == 1


@pytest.mark.parametrize(
    "template",
    [
        '<p title="{% translate "Hello" %}">{% blocktranslate %}Hello {{ you }}{% endblocktranslate %}</p>',
        '{# a remark #}<p class="num">{{ size }} · 3, {{ seconds }} s</p>',
        '<input type="hidden" value="purge"><script src="x.js">const a = "text";</script>',
    ],
)
def test_what_is_translated_is_not_bare(template: str) -> None:
    assert bare_texts(template) == []


def test_scripts_take_their_words_from_the_page() -> None:
    for path in sorted((ROOT / "static" / "js").glob("*.js")):
        spoken = [text for pair in _SPOKEN_BY_SCRIPTS.findall(path.read_text()) for text in pair]
        bare = [re.sub(r"\${.*?}", "", text) for text in spoken]
        assert not [text for text in bare if re.search(r"[^\W\d_]{2,}", text)], path.name


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    ids = message.id if isinstance(message.id, tuple) else (message.id,)
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    for number, string in enumerate(strings):
        yield ids[min(number, len(ids) - 1)], string


@pytest.mark.parametrize("language", catalogues.languages())
def test_every_text_is_translated(language: str) -> None:
    catalog = catalogues.read(language)
    wanted = {message.id for message in catalogues.messages() if message.id}
    have = {message.id for message in catalog if message.id}
    remedy = f"run `make messages` and translate what is new in ml_app/locale/{language}"
    assert wanted - have == set(), remedy
    assert have - wanted == set(), remedy
    for message in catalog:
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        for original, translated in _texts(message):
            assert translated, f"{original!r}: {remedy}"
            names, parts = (
                set(re.findall(r"%\(\w+\)[sd]|<\w+|DONE|TOTAL|COUNT|SIZE|NAME", text))
                for text in (original, translated)
            )
            assert names == parts, original


@pytest.mark.parametrize("language", catalogues.languages())
def test_the_compiled_catalogue_is_that_of_the_source(language: str) -> None:
    path = catalogues.LOCALES / language / "LC_MESSAGES" / "django.mo"
    assert path.read_bytes() == catalogues.compiled(catalogues.read(language)), "run `make messages`"


def test_a_browser_that_asks_for_german_gets_it(db: None) -> None:
    page = Client().get("/", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}).content.decode()
    assert '<html lang="de">' in page
    assert "Ein Video prüfen" in page
    assert "Choose a video" not in page
    assert '<html lang="en">' in Client().get("/", headers={"Accept-Language": "tlh"}).content.decode()


def test_a_finding_in_german(db: None) -> None:
    scan = ScanFactory(video__owner=OWNER, done=True)
    add_face(scan, level=0.93, frames=3)
    page = visitor(TOKEN).get(f"/scans/{scan.pk}/", headers={"Accept-Language": "de"}).content.decode()
    for words in ("Starke Anzeichen einer Manipulation.", "Person 1", "Um diese Prüfung zu wiederholen"):
        assert words in page
    # What a drawing reads is no prose: its numbers keep their points.
    assert re.search(r'data-time="\d+\.\d+"', page)
    assert not re.search(r'\b(?:[xy][12]?|cx|cy|width|height)="\d+,\d', page)


def test_the_switch_is_remembered(db: None) -> None:
    client = Client(headers={"Accept-Language": "de"})
    about = client.get("/about/?from=here").content.decode()
    assert 'href="/language/?to=en&amp;next=%2Fabout%2F%3Ffrom%3Dhere"' in about
    response = client.get("/language/", {"to": "en", "next": "/about/"})
    assert (response.status_code, response["Location"]) == (302, "/about/")
    page = client.get("/about/").content.decode()
    assert '<html lang="en">' in page
    assert re.search(r'lang="en"[^>]* aria-current="true">English<', page)
    elsewhere = client.get("/language/", {"to": "de", "next": "https://elsewhere.example/"})
    assert elsewhere["Location"] == "/"
    assert not Client().get("/language/", {"to": "tlh"}).cookies
