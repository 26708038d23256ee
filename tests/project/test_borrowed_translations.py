"""What libraries say on pages of accounts is there in every language, by them or by this site."""

from __future__ import annotations

import pytest
from django.utils import translation
from django.utils.translation import gettext, ngettext

from tests.project import borrowed, catalogues
from tests.project.test_translations import says_all_of

LANGUAGES = catalogues.languages()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_library_leaves_out_is_translated(language: str) -> None:
    """An update of django-allauth or Django that brings a sentence without this language fails here."""
    catalog = catalogues.read(language, borrowed.LOCALES)
    says_all_of(borrowed.missing(language), catalog, f"ml_app/accounts/locale/{language}")


def test_a_language_that_no_library_speaks_would_be_noticed() -> None:
    """Of every part: accounts, second factors, sessions, single sign-on, Django's rules for passwords."""
    said = {message.id for message in borrowed.missing("tlh")}
    assert {
        "Confirm Access",
        "Trust this Browser?",
        "Sign Out Other Sessions",
        "Third-Party Login Failure",
        "This password is too common.",
    } <= said


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_source(language: str) -> None:
    folder = borrowed.LOCALES / language / "LC_MESSAGES"
    compiled = folder / "django.mo"
    assert compiled.exists() == (folder / "django.po").exists(), "run `make messages`"
    if compiled.exists():
        wanted = catalogues.compiled(catalogues.read(language, borrowed.LOCALES))
        assert compiled.read_bytes() == wanted, "run `make messages`"


def test_django_takes_the_words() -> None:
    with translation.override("hi"):
        assert gettext("Reset My Password") == "मेरा पासवर्ड रीसेट करें"
        assert gettext("Sign in") == "साइन इन करें"  # this site's own, as before
    one = "This password is too short. It must contain at least %d character."
    many = "This password is too short. It must contain at least %d characters."
    with translation.override("ar"):
        assert "كلمة المرور" in ngettext(one, many, 12)
    with translation.override("zh-hans"):
        assert ngettext(one, many, 12) % 12 == "密码过短，至少须包含12个字符。"  # noqa: RUF001


def test_what_a_library_says_wrongly_is_said_anew() -> None:
    with translation.override("ar"):
        assert gettext("MFA") == "المصادقة متعددة العوامل"
        assert gettext("Warning:") == "تحذير:"  # theirs turns the sentence behind it
