"""Which language a request is answered in."""

from __future__ import annotations

from typing import Any

from flask import current_app, g, request
from flask_babel import Domain, get_locale, gettext
from markupsafe import Markup

from fieldapp.platform.web import inputs
from fieldapp.platform.web.typography import unbroken


def chosen() -> str:
    """The browser's own choice, else what it prefers, else Chinese."""
    known: tuple[str, ...] = current_app.config["LANGUAGES"]
    asked = inputs.cookie("language")
    if asked in known:
        return asked
    for tag, _ in request.accept_languages:
        low = tag.lower().replace("_", "-")
        if low.startswith(("zh-hant", "zh-tw", "zh-hk", "zh-mo")):
            return "zh_Hant"
        if low.startswith("zh"):
            return "zh_Hans"
        if low.startswith("en"):
            return "en"
    return "zh_Hans"


def tag(locale: object) -> str:
    """A locale as HTML wants it: `zh-Hans`."""
    return str(locale).replace("_", "-")


class Words(Domain):
    """The catalogues, found once for each language instead of through several contexts for every word."""

    def get_translations(self) -> Any:
        """The catalogue of the language that holds now."""
        known = _here()
        if known is None:
            return super().get_translations()
        if known.catalogue is None:
            known.catalogue = super().get_translations()
        return known.catalogue


class _Language:
    """A language in use: its catalogue, and the words of templates that were asked for already."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.catalogue: Any = None
        self.marked: dict[str, Markup] = {}


_languages: dict[str, _Language] = {}


def _here() -> _Language | None:
    """The language of this request, or of a block of `force_locale`; None outside of both.

    Asked for every word, so what the request noted is read without the proxies around it.
    """
    try:
        noted = vars(g._get_current_object())
    except RuntimeError:
        return None
    babel = noted.get("_flask_babel")
    locale = getattr(babel, "babel_locale", None) or get_locale()
    known: tuple[Any, _Language] | None = noted.get("language_noted")
    if known is None or known[0] is not locale:
        code = str(locale)
        known = noted["language_noted"] = (locale, _languages.setdefault(code, _Language(code)))
    return known[1]


def code() -> str:
    """The language's code, `zh_Hans`; empty outside a request."""
    here = _here()
    return here.code if here else ""


def word(text: str, **variables: Any) -> Markup:
    """What `_("…")` means in a template: the translation, safe to show, with what is put in escaped."""
    here = _here()
    if here is None:
        return Markup(text) % variables  # noqa: S704 - our own words
    marked = here.marked.get(text)
    if marked is None:
        # Our own words: the catalogue is part of the product.
        marked = here.marked[text] = Markup(unbroken(gettext(text)))  # noqa: S704
    return marked % variables if variables or "%" in marked else marked
