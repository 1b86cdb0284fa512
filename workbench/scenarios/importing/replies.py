"""What a model's turn says when it stands in a file as one text: reasoning, calls, and the rest. Knows no format.

Calls stand in FunctionGemma's tokens, ``<start_function_call>call:name{…}<end_function_call>``; between the braces is
JSON (as Caro writes it) or FunctionGemma's own notation with bare keys and ``<escape>`` around text.
"""

from __future__ import annotations

import json
import re
from typing import Any

from workbench.records import RecordError
from workbench.scenarios.importing.rows import call_from, parse_json

_THINK = re.compile(r"\s*<think>(.*?)</think>\s*", re.DOTALL)
_CALL = re.compile(r"<start_function_call>\s*call:\s*([^\s{<]+)\s*(.*?)\s*(?:<end_function_call>|\Z)", re.DOTALL)
_BARE_KEY = re.compile(r"([A-Za-z_][\w.\-]*)\s*:")
_ESCAPE = "<escape>"


def split_reply(text: str, path: str) -> tuple[str, list[dict[str, Any]], str]:
    """Reasoning, calls, and the text that is neither, without blanks around it.

    Raises:
        RecordError: a call whose arguments cannot be read.
    """
    think = _THINK.match(text)
    reasoning, rest = (think.group(1).strip("\n"), text[think.end() :]) if think else ("", text)
    calls = [
        call_from(found.group(1), _arguments(found.group(2), f"{path}[{i}].arguments"), f"{path}[{i}]")
        for i, found in enumerate(_CALL.finditer(rest))
    ]
    return reasoning, calls, _CALL.sub("", rest).strip()


def _arguments(text: str, path: str) -> Any:
    try:
        return parse_json(text or "{}")
    except RecordError as error:
        try:
            return parse_json(_as_json(text))
        except RecordError:
            raise RecordError(path, error.reason, error.hint or "Write the arguments as a JSON object.") from error


def _as_json(text: str) -> str:
    """FunctionGemma's notation as JSON: every other piece between ``<escape>`` is text."""
    pieces = text.split(_ESCAPE)
    return "".join(
        json.dumps(piece) if k % 2 else _BARE_KEY.sub(lambda key: f"{json.dumps(key.group(1))}:", piece)
        for k, piece in enumerate(pieces)
    )
