"""Pieces of llguidance's Lark dialect. Knows no tools.

Source: llguidance, docs/syntax.md: ``<[id]>`` is one token, ``%json`` a JSON Schema, ``&`` and ``~`` work inside
terminals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from llguidance import LLMatcher

from workbench.records import NO_TOOL

_WRITTEN_AS_JSON_DUMPS = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": True,
}
"""``lenient``: keywords that the grammar cannot express are left to the check of the finished call."""


class Rules:
    """Rules and terminals that are collected on the way; equal bodies share one name."""

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._ids = ids
        self._names: dict[str, str] = {}

    def rule(self, body: str) -> str:
        return self._named(body, "r")

    def terminal(self, body: str) -> str:
        return self._named(body, "T")

    def token(self, text: str) -> str:
        """One token where the vocabulary has it, else its characters."""
        return f"<[{self._ids[text]}]>" if text in self._ids else literal(text)

    def said(self, control: Sequence[str], never: Sequence[str] = ()) -> str:
        """Plain text or NO_TOOL: text without control tokens and without what the patterns of ``never`` match."""
        refused = "".join(f" & ~/{pattern}/" for pattern in never)
        text = self.terminal(rf"/(?s:.+)/ & ~{holds(control)}{refused}")
        # As a token of its own NO_TOOL is no text.
        return f"({text} | {self.token(NO_TOOL)})" if NO_TOOL in self._ids else text

    def write(self, start: str) -> str:
        """The whole grammar."""
        lines = [f"start: {start}", *(f"{name}: {body}" for body, name in self._names.items())]
        return "\n".join(lines) + "\n"

    def _named(self, body: str, letter: str) -> str:
        return self._names.setdefault(body, f"{letter}{len(self._names)}")


def literal(text: str) -> str:
    """A text as a Lark string."""
    return json.dumps(text, ensure_ascii=False)


def json_value(schema: Any) -> str:
    """JSON of that schema, spaced as ``json.dumps`` does."""
    return f"%json {json.dumps({**schema, 'x-guidance': _WRITTEN_AS_JSON_DUMPS})}"


def holds(texts: Sequence[str]) -> str:
    """A pattern of everything in which one of the texts stands."""
    return f"/(?s:.*)({'|'.join(map(escaped, texts))})(?s:.*)/"


def pattern(source: str) -> str:
    """A schema's ``pattern``, which may match anywhere in a text, as a terminal; empty where no grammar can hold it.

    ECMA-262 has look-arounds, back references and anchors inside; automata do not.
    """
    at_start, at_end = source.startswith("^"), source.endswith("$") and not source.endswith("\\$")
    body = source[at_start : len(source) - at_end].replace("/", "\\x{2f}")
    found = f"/{'' if at_start else '(?s:.*)'}({body}){'' if at_end else '(?s:.*)'}/"
    refused = LLMatcher.validate_grammar(LLMatcher.grammar_from_lark(f"start: {found}"))
    return "" if refused else found


def escaped(text: str) -> str:
    """A text as part of a pattern between slashes."""
    return re.sub(r"[^A-Za-z0-9_ ]", lambda match: f"\\x{{{ord(match.group()):x}}}", text)


def alternatives(parts: Sequence[str]) -> str:
    return f"({' | '.join(parts)})" if len(parts) != 1 else parts[0]
