"""BFCL-compatible scoring: the verdicts that the Berkeley leaderboard's own checker gives, so that figures compare.

Follows ``bfcl_eval/eval_checker/ast_eval/ast_checker.py`` (Python, single turn) in behaviour, oddities included: text
is compared without case and without blanks and ``,./-_*^``; several calls are matched greedily; the type of the first
answer outranks the declared one. Never the headline, for ``/a/b`` equals ``ab`` here. Knows no file.

Plain data as BFCL has it: a *function* is ``{"name", "parameters": {"properties", "required"}}`` with BFCL's type
names; an *answer* is ``{function name: {argument: [accepted values]}}``, where ``""`` says that the argument may be
left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.records import ExpectedCall, Outcome, Parsed, Tool, ToolCall, Toolset

Function = Mapping[str, Any]
Answer = Mapping[str, Mapping[str, Any]]
Checker = Callable[[Any, Sequence[Any]], str]

TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
LISTS = ("array", "tuple")
LEFT_OUT = ""
UNSCORABLE = "checker:unscorable"
UNDECODED = "ast_decoder:decoder_failed"
"""Kinds of error that are not those of the checker: it would stop with an exception; the reply is no list of calls."""

_FROM_SCHEMA = {"object": "dict", "number": "float"}
_DROPPED = str.maketrans("", "", " ,./-_*^")


@dataclass(frozen=True)
class Verdict:
    """Whether a reply counts as right; if not, BFCL's name for the kind of error, and one sentence."""

    valid: bool
    error_type: str = ""
    error: str = ""


RIGHT = Verdict(True)


def check(
    category: str,
    functions: Sequence[Function],
    answers: Sequence[Answer],
    calls: Sequence[ToolCall] | None,
    underscores: bool = False,
) -> Verdict:
    """BFCL's verdict on one reply.

    Args:
        category: as BFCL names it: ``simple_python``, ``multiple``, ``parallel``, ``irrelevance``, …
        calls: None when the reply could not be decoded.
        underscores: the model writes ``_`` for each ``.`` of a function's name, as behind OpenAI's API.
    """
    if "relevance" in category:
        return _relevance(wanted="irrelevance" not in category, called=bool(calls))
    if calls is None:
        return Verdict(False, UNDECODED, "the reply is not a list of calls")
    judge = _parallel if "parallel" in category else _multiple if "multiple" in category else _simple
    try:
        return judge(functions, answers, calls, underscores)
    except (TypeError, KeyError, IndexError, AttributeError, ValueError, OverflowError, RecursionError) as error:
        # BFCL's checker would end with the same exception: its answers do not fit a value of this shape.
        return Verdict(False, UNSCORABLE, f"the checker cannot judge this reply: {type(error).__name__}: {error}")


def score_bfcl(outcome: Outcome, parsed: Parsed, toolset: Toolset, underscores: bool = False) -> Verdict:
    """BFCL's verdict on a reply to a scenario of any origin.

    A tool that kept its BFCL declaration under ``extra["bfcl"]`` is judged by that one, any other by its schema.
    """
    calls = None if parsed.kind == "malformed" else parsed.calls
    if outcome.is_no_tool:
        return check("irrelevance", (), (), calls)
    category = "parallel" if len(outcome.calls) > 1 else "multiple"
    functions = [_function(tool) for tool in toolset.tools]
    by_name = {function["name"]: function for function in functions}
    answers = [_answer(call, by_name.get(call.name)) for call in outcome.calls]
    return check(category, functions, answers, calls, underscores)


# Categories


def _relevance(wanted: bool, called: bool) -> Verdict:
    if wanted == called:
        return RIGHT
    if called:
        return Verdict(False, "irrelevance_error:decoder_success", "a tool was called, and none was wanted")
    return Verdict(False, "relevance_error:decoder_failed", "no tool was called")


def _simple(
    functions: Sequence[Function], answers: Sequence[Answer], calls: Sequence[ToolCall], underscores: bool
) -> Verdict:
    if len(calls) != 1:
        return _wrong_count("simple_function_checker", 1, len(calls))
    return _call(functions[0], answers[0], calls[0], underscores)


def _multiple(
    functions: Sequence[Function], answers: Sequence[Answer], calls: Sequence[ToolCall], underscores: bool
) -> Verdict:
    if len(calls) != len(answers):
        return _wrong_count("multiple_function_checker", len(answers), len(calls))
    return _call(_described(functions, answers[0]), answers[0], calls[0], underscores)


def _parallel(
    functions: Sequence[Function], answers: Sequence[Answer], calls: Sequence[ToolCall], underscores: bool
) -> Verdict:
    """Each answer takes the first call left that fits it. Greedy, as BFCL's: a later answer may go away empty."""
    if len(calls) != len(answers):
        return _wrong_count("parallel_function_checker_no_order", len(answers), len(calls))
    left = list(calls)
    for i, answer in enumerate(answers):
        function = _described(functions, answer)
        verdicts = []
        for at, call in enumerate(left):
            verdicts.append(_call(function, answer, call, underscores))
            if verdicts[-1].valid:
                del left[at]
                break
        else:
            told = "; ".join(verdict.error for verdict in verdicts)
            kind = "parallel_function_checker_no_order:cannot_find_match"
            return Verdict(False, kind, f"no call fits answer {i + 1}: {told}")
    return RIGHT


def _wrong_count(checker: str, wanted: int, got: int) -> Verdict:
    return Verdict(False, f"{checker}:wrong_count", f"{wanted} calls were wanted, {got} came")


def _described(functions: Sequence[Function], answer: Answer) -> Function:
    name = next(iter(answer))
    for function in functions:
        if function["name"] == name:
            return function
    raise KeyError(name)


# One call


def _call(function: Function, answer: Answer, call: ToolCall, underscores: bool) -> Verdict:
    accepted = next(iter(answer.values()))
    name, properties = function["name"], function["parameters"]["properties"]
    required = function["parameters"]["required"]
    name = name.replace(".", "_") if underscores else name
    if call.name != name:
        return _wrong("wrong_func_name", f"'{name}' was wanted, '{call.name}' was called")
    for argument in required:
        if argument not in call.arguments:
            return _wrong("missing_required", f"the required argument '{argument}' is missing")
    for argument, value in call.arguments.items():
        if argument not in properties or argument not in accepted:
            return _wrong("unexpected_param", f"the argument '{argument}' is not expected")
        verdict = _argument(argument, value, accepted[argument], properties[argument])
        if not verdict.valid:
            return verdict
    for argument, values in accepted.items():
        if argument not in call.arguments and LEFT_OUT not in values:
            return _wrong("missing_optional", f"the argument '{argument}' must not be left out here")
    return RIGHT


def _wrong(kind: str, error: str) -> Verdict:
    return Verdict(False, f"simple_function_checker:{kind}", error)


def _argument(name: str, value: Any, accepted: Sequence[Any], schema: Mapping[str, Any]) -> Verdict:
    declared = schema["type"]
    kind, inner = TYPES[declared], None
    if declared in LISTS:
        inner = TYPES[schema["items"]["type"]]
    if declared == "tuple" and type(value) is tuple:
        value = list(value)
    if declared == "float" and type(value) is int:
        value = float(value)
    error, literal = _check_type(value, accepted, kind, inner)
    if error:
        return Verdict(False, error, f"'{name}' must be of type {declared}, is {value!r}")
    error = _checker(kind, inner)(value, accepted) if literal else _check_plain(value, accepted)
    return Verdict(False, error, f"'{name}' is {value!r}, accepted: {accepted!r}") if error else RIGHT


def _check_type(value: Any, accepted: Sequence[Any], kind: type, inner: type | None) -> tuple[str, bool]:
    """The kind of error, or empty; and whether the value is a literal of the declared type.

    BFCL lets a variable's name stand for a value: where the first answer has another type than the declared one, that
    type is right, too, and the value is compared as it is. Types are looked into one level deep.
    """
    first = next((type(answer) for answer in accepted if answer != LEFT_OUT), None)
    literal = first is None or first is kind
    error = "type_error:simple"
    if type(value) is kind:
        if inner is None or any(_items_fit(value, answer, inner) for answer in accepted):
            return "", literal
        if first is kind:
            return "type_error:nested", literal
    return (error, literal) if first is None or type(value) is not first else ("", False)


def _items_fit(value: Any, answer: Any, inner: type) -> bool:
    """Whether each item has the inner type, or that of the answer's first item; an answer that is no list fits all."""
    return type(answer) is not list or all(not _check_type(item, answer, inner, None)[0] for item in value)


def _checker(kind: type, inner: type | None) -> Checker:
    if kind is list and inner is dict:
        return _check_dicts
    return _CHECKERS.get(kind, _check_plain)


# Values: each gives the kind of error, or empty


def _bare(value: Any) -> Any:
    """Text as BFCL compares it; any other value as it is."""
    return value.translate(_DROPPED).lower().replace("'", '"') if type(value) is str else value


def _check_plain(value: Any, accepted: Sequence[Any]) -> str:
    return "" if value in accepted else "value_error:others"


def _check_text(value: str, accepted: Sequence[Any]) -> str:
    return "" if _bare(value) in [_bare(one) for one in accepted if type(one) is str] else "value_error:string"


def _check_list(value: Sequence[Any], accepted: Sequence[Any]) -> str:
    # An answer that is text counts as the list of its characters, so "" accepts the empty list.
    options = [[_bare(one[i]) for i in range(len(one))] for one in accepted]
    return "" if [_bare(item) for item in value] in options else "value_error:list/tuple"


def _check_dict(value: Mapping[str, Any], accepted: Sequence[Any]) -> str:
    """Each key of an accepted object lists that key's accepted values."""
    error = "dict_checker:unclear"
    for one in accepted:
        if one == LEFT_OUT:
            continue
        error = _check_keys(value, one)
        if not error:
            break
    return error


def _check_keys(value: Mapping[str, Any], accepted: Mapping[str, Any]) -> str:
    error = ""
    for key, inner in value.items():
        if key not in accepted:
            error = "value_error:dict_key"
            break
        options = accepted[key]
        if _bare(inner) not in [_bare(options[i]) for i in range(len(options))]:
            error = "value_error:dict_value"
            break
    # Looked at even after an error, as BFCL does: it then tells of the missing key.
    missing = any(key not in value and LEFT_OUT not in options for key, options in accepted.items())
    return "value_error:dict_key" if missing else error


def _check_dicts(value: Sequence[Any], accepted: Sequence[Any]) -> str:
    error = "list_dict_checker:unclear"
    for one in accepted:
        if len(value) != len(one):
            error = "value_error:list_dict_count"
            continue
        errors = (_check_dict(inner, [one[i]]) for i, inner in enumerate(value))
        error = next((found for found in errors if found), "")
        if not error:
            break
    return error


_CHECKERS: Mapping[type, Checker] = {dict: _check_dict, str: _check_text, list: _check_list}


# From scenarios


def _function(tool: Tool) -> Function:
    """The tool as BFCL declares one: its own declaration where it was kept, or else one made from the schema."""
    kept = tool.extra.get("bfcl")
    if isinstance(kept, Mapping):
        return kept
    properties = {name: _bfcl_schema(schema) for name, schema in tool.properties.items()}
    return {"name": tool.name, "parameters": {"properties": properties, "required": sorted(tool.required)}}


def _bfcl_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    name = _FROM_SCHEMA.get(kind, kind) if isinstance(kind, str) else "any"
    items = schema.get("items")
    inner = _bfcl_schema(items) if isinstance(items, Mapping) else {"type": "any"}
    return {"type": name if name in TYPES else "any", "items": inner}


def _answer(call: ExpectedCall, function: Function | None) -> Answer:
    """The expected call as BFCL writes answers; arguments that are null count as left out, as everywhere."""
    properties = function["parameters"]["properties"] if function else {}
    names = dict.fromkeys([*call.arguments, *(name for name in call.accept if name in properties)])
    answer = {}
    for name in [*names, *sorted(path for path in call.optional if path in properties and path not in names)]:
        values = [value for value in (call.arguments.get(name), *call.accept.get(name, ())) if value is not None]
        accepted = [_options(call, name, value, properties.get(name, {})) for value in values]
        answer[name] = [*accepted, LEFT_OUT] if name in call.optional else accepted
    return {call.name: {name: accepted for name, accepted in answer.items() if accepted}}


def _options(call: ExpectedCall, path: str, value: Any, schema: Mapping[str, Any]) -> Any:
    """A value as an answer: objects list the accepted values of each key, one level deep."""
    if isinstance(value, Mapping) and schema.get("type") == "dict":
        return {key: _key_options(call, f"{path}.{key}", inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) and schema.get("items", {}).get("type") == "dict":
        return [_options(call, f"{path}.", inner, {"type": "dict"}) for inner in value]
    return list(value) if isinstance(value, tuple) else value


def _key_options(call: ExpectedCall, path: str, value: Any) -> list[Any]:
    return [value, *call.accept.get(path, ()), *([LEFT_OUT] if path in call.optional else [])]
