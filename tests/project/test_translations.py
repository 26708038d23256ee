"""No text of a page stands outside gettext, and what is there is translated, whole and as compiled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from gettext import GNUTranslations
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from django.test import Client
from django.utils import translation

from ml_app.web import wording
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
_HELD = re.compile(
    r"%\(\w+\)[sd]|%%|%[sd]|{\w*}|</?\w[^>]*>"
    r"|(?<![A-Z])(?:DONE|TOTAL|COUNT|SIZE|NAMES?|LONGEST|SHORTEST)(?![A-Z])"  # blanks or not
)
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


def _key(message: Message) -> tuple[str | None, Any]:
    return message.context, message.id


def _held(text: str) -> Counter[str]:
    """What a translation leaves as it is: names that are filled in, tags, words that a script replaces."""
    return Counter(_HELD.findall(text))


def complaints(message: Message, forms: int) -> Iterator[str]:
    """What is wrong with one translation into a language of so many plural forms."""
    if message.fuzzy:
        yield "fuzzy"
    if not isinstance(message.id, tuple):
        if not message.string:
            yield "not translated"
        elif _held(message.id) != _held(message.string):
            yield f"differs in what it holds: {message.string!r}"
        return
    if len(message.string) != forms:
        yield f"{len(message.string)} plural forms where the language has {forms}"
    wanted = _held(message.id[-1])
    for number, string in enumerate(message.string):
        if not string:
            yield f"plural form {number} is not translated"
            continue
        lost = wanted - _held(string)
        # "One scan waits": a form for few may say its number by itself; the last one is for any.
        may_lose = 1 if number < max(forms - 1, 1) and forms > 1 else 0
        if _held(string) - wanted or lost.total() > may_lose or any(one.startswith("<") for one in lost):
            yield f"plural form {number} differs in what it holds: {string!r}"


def says_all_of(texts: Catalog, catalog: Catalog, folder: str) -> None:
    """Fail unless a catalogue, which lies in this folder, translates these texts rightly, and no others."""
    wanted = {_key(message) for message in texts if message.id}
    have = {_key(message) for message in catalog if message.id}
    remedy = f"run `make messages` and translate what is new in {folder}"
    assert wanted - have == set(), remedy
    assert have - wanted == set(), remedy
    said = [
        f"{message.id!r}: {complaint}"
        for message in catalog
        if message.id
        for complaint in complaints(message, catalog.num_plurals)
    ]
    assert not said, "\n".join([remedy, *said])


@pytest.mark.parametrize("language", catalogues.languages())
def test_every_text_is_translated(language: str) -> None:
    catalog = catalogues.read(language)
    says_all_of(catalogues.messages(), catalog, f"ml_app/locale/{language}")


@pytest.mark.parametrize(
    ("original", "translated", "forms"),
    [
        ("%(name)s is gone", "weg", 2),
        ("<b>Now</b>", "<b>Jetzt", 2),
        ("DONE of TOTAL", "DONE", 2),
        ("50 %% of {share}", "50 % von {share}", 2),
        (("%(n)d file", "%(n)d files"), ("eine Datei", "Dateien"), 2),
        (("%(n)d file", "%(n)d files"), ("%(n)d 个",), 2),
        (("%(n)d file", "%(n)d files"), ("一个",), 1),
        (("%(n)d file of %(x)s", "%(n)d files of %(x)s"), ("eine Datei", "%(n)d von %(x)s"), 2),
    ],
)
def test_a_bad_translation_would_be_found(original: Any, translated: Any, forms: int) -> None:
    assert len(list(complaints(Message(original, translated), forms))) == 1


def test_what_is_offered_is_what_is_translated(settings: Any) -> None:
    offered = {translation.to_locale(code) for code, _name in settings.LANGUAGES}
    assert offered - {"en"} == set(catalogues.languages())


@pytest.mark.parametrize("language", catalogues.languages())
def test_plural_forms_are_those_of_the_language(language: str) -> None:
    """As Django reads them, from the compiled file."""
    path = catalogues.LOCALES / language / "LC_MESSAGES" / "django.mo"
    with path.open("rb") as file:
        loaded = GNUTranslations(file)
    used = [loaded.plural(number) for number in range(300)]  # type: ignore[attr-defined] # gettext sets it
    assert set(used) == set(range(catalogues.read(language).num_plurals))
    if language == "ar":
        assert [used[number] for number in (0, 1, 2, 3, 10, 11, 99, 100, 102, 103, 111)] == [
            *(0, 1, 2, 3, 3, 4, 4, 5, 5, 3, 4)
        ]


@pytest.mark.parametrize("language", catalogues.languages())
def test_the_compiled_catalogue_is_that_of_the_source(language: str) -> None:
    path = catalogues.LOCALES / language / "LC_MESSAGES" / "django.mo"
    assert path.read_bytes() == catalogues.compiled(catalogues.read(language)), "run `make messages`"


def test_a_browser_that_asks_for_german_gets_it(db: None) -> None:
    page = Client().get("/", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}).content.decode()
    assert '<html lang="de" dir="ltr">' in page
    assert "Ein Video prüfen" in page
    assert "Choose a video" not in page
    assert (
        '<html lang="en" dir="ltr">' in Client().get("/", headers={"Accept-Language": "tlh"}).content.decode()
    )


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
    assert '<html lang="en" dir="ltr">' in page
    assert re.search(r'lang="en"[^>]* aria-current="true">English<', page)
    assert re.search(r"<summary>.*English</summary>", page)
    elsewhere = client.get("/language/", {"to": "de", "next": "https://elsewhere.example/"})
    assert elsewhere["Location"] == "/"
    assert not Client().get("/language/", {"to": "tlh"}).cookies


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt-br"),
        ("pt-PT", "pt-br"),
        ("es-419,en;q=0.5", "es"),
        ("fr-CA", "fr"),
        ("ar-EG", "ar"),
        ("hi-IN", "hi"),
        ("zh-CN,zh;q=0.9", "zh-hans"),
        ("zh-Hans-SG", "zh-hans"),
        # Whoever reads traditional characters reads simplified ones more easily than English.
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-hans"),
        ("zh-Hant-HK", "zh-hans"),
        ("tlh, fr;q=0.2", "fr"),
        ("tlh", "en"),
    ],
)
def test_a_browser_gets_the_nearest_language(asked: str, given: str) -> None:
    page = Client().get("/offline/", headers={"Accept-Language": asked})
    assert page["Content-Language"] == given
    assert f'<html lang="{given}" dir="{"rtl" if given == "ar" else "ltr"}">' in page.content.decode()


def test_numbers_of_a_language_that_runs_to_the_left() -> None:
    """A share keeps its order; a name in another direction does not turn the sentence around it."""
    assert wording.percent(0.5) == "50\u00a0%"
    assert wording.isolated("a.mp4") == "a.mp4"
    assert wording.isolated("شهادة.mp4") == "\u2068شهادة.mp4\u2069"  # noqa: RUF001
    with translation.override("ar"):
        assert re.fullmatch("\u2066<\u00a0?1\u00a0?%\u2069", wording.percent(0.001))
        assert wording.isolated("a.mp4") == "\u2068a.mp4\u2069"
