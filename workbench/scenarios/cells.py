"""How a scenario's values stand in CSV cells: writing and reading side by side, inverses of each other."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

COLUMNS = (
    "id",
    "toolset",
    "request",
    "expected",
    "os",
    "shell",
    "mode",
    "tags",
    "reasoning",
    "status",
    "split",
    "source",
    "ordered",
    "history",
    "tools",
)

# Spreadsheets run a cell that begins with one of these as a formula. Apostrophes in front are part of the pattern, so
# that a text which itself begins with '= gains one more on the way out and loses exactly that one on the way in.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def defuse(text: str) -> str:
    """The text with an apostrophe in front if a spreadsheet could take it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def restore(cell: str) -> str:
    """The inverse of ``defuse``."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def join_tags(tags: Sequence[str]) -> str:
    """``one; two``, or a JSON list where a tag would not survive that."""
    if all(tag == tag.strip() and tag and ";" not in tag and not tag.startswith("[") for tag in tags):
        return "; ".join(tags)
    return json.dumps(list(tags), ensure_ascii=False)


def split_tags(cell: str) -> list[str]:
    """The tags of a cell in either form; ValueError when it begins with ``[`` and is not JSON."""
    if cell.startswith("["):
        return list(json.loads(cell))
    return [tag.strip() for tag in cell.split(";") if tag.strip()]
