"""Text that a model wrote, as Markdown with highlighted code, cleaned by nh3: no image, no script."""

from __future__ import annotations

from functools import cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

TAGS = {"p", "br", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "span", "a", "h3", "h4"}
TAGS |= {"h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}
_CODE_CLASSES = "hl-"


def formatted(text: str) -> Markup:
    """Markdown as HTML that is safe to show; pictures are left out, for they would be fetched from outside."""
    return _clean(_markdown().render(text))


def code(text: str, language: str = "json") -> Markup:
    """Code with its words marked, without a frame."""
    return _clean(_highlighted(text, language, ""))


@cache
def _markdown() -> MarkdownIt:
    options = {"html": False, "linkify": False, "highlight": _highlighted}
    return MarkdownIt("commonmark", options).enable("table").disable("image")


def _highlighted(text: str, language: str, _: str) -> str:
    try:
        lexer = get_lexer_by_name(language or "text", stripnl=False)
    except ClassNotFound:
        lexer = get_lexer_by_name("text", stripnl=False)
    return str(highlight(text, lexer, HtmlFormatter(nowrap=True, classprefix=_CODE_CLASSES)))


def _clean(html: str) -> Markup:
    shown = nh3.clean(
        html,
        tags=TAGS,
        attributes={"a": {"href"}, "span": {"class"}},
        url_schemes={"http", "https", "mailto"},
        attribute_filter=lambda tag, name, value: value if tag != "span" or value.startswith(_CODE_CLASSES) else None,
    )
    return Markup(shown)
