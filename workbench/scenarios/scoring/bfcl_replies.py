"""Replies as BFCL's result files hold them, read the way BFCL's handlers decode them. Evaluates nothing it reads.

A prompted model answers text such as ``[weather.now(city="Bern", days=2)]``; a function-calling model a list such as
``[{"weather_now": "{\\"city\\": \\"Bern\\"}"}]``. BFCL's decoder of text takes a name for its spelling and turns every
unary operator into a minus; so does this one, for the verdicts must be the same.
"""

from __future__ import annotations

import ast
import json
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from workbench.records import Parsed, ToolCall

MAX_POWER = 1024
"""Largest base and exponent that are worked out: arithmetic in a reply must not take the machine's memory."""

_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


class _Undecodable(Exception):
    """What was read is no list of calls."""


def decode(result: Any) -> Parsed:
    """What a ``result`` says: calls, or malformed with the reason."""
    try:
        calls = _from_text(result) if isinstance(result, str) else _from_list(result)
    except _Undecodable as error:
        return Parsed("malformed", reason=str(error))
    return Parsed("calls", tuple(calls))


def _from_list(result: Any) -> list[ToolCall]:
    if not isinstance(result, list):
        raise _Undecodable("the reply is neither text nor a list of calls")
    return [_from_pair(item) for item in result]


def _from_pair(item: Any) -> ToolCall:
    if not isinstance(item, Mapping) or len(item) != 1:
        raise _Undecodable("a call must be an object with one key, the function's name")
    ((name, arguments),) = item.items()
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError) as error:
            raise _Undecodable(f"the arguments of {name} are not JSON: {error}") from error
    if not isinstance(arguments, Mapping):
        raise _Undecodable(f"the arguments of {name} are not an object")
    return ToolCall(name, arguments)


def _from_text(text: str) -> list[ToolCall]:
    text = text.strip("`\n ")
    text = f"{'' if text.startswith('[') else '['}{text}{'' if text.endswith(']') else ']'}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a backslash in a reply's text
            body = ast.parse(text.strip().strip("'"), mode="eval").body
        if not isinstance(body, (ast.List, ast.Tuple, ast.Set)):
            raise _Undecodable("the text is no list of calls")
        return [_call(item) for item in body.elts]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _Undecodable(f"the text is no list of calls: {error}") from error


def _call(node: ast.expr) -> ToolCall:
    if not isinstance(node, ast.Call):
        raise _Undecodable(f"'{ast.unparse(node)[:80]}' is no call")
    return ToolCall(_name(node), _arguments(node))


def _name(node: ast.Call) -> str:
    parts, part = [], node.func
    while isinstance(part, ast.Attribute):
        parts.append(part.attr)
        part = part.value
    if isinstance(part, ast.Name):
        parts.append(part.id)
    return ".".join(reversed(parts))


def _arguments(node: ast.Call) -> dict[str, Any]:
    """By keyword; values without one are dropped, and ``**more`` is an argument of that spelling."""
    return {keyword.arg or "**": _value(keyword.value) for keyword in node.keywords}


def _value(node: ast.expr | None) -> Any:
    match node:
        case ast.Constant(value=value):
            return "..." if value is Ellipsis else value
        case ast.UnaryOp(operand=ast.Constant(value=bool() | int() | float() | complex() as number)):
            return -number
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Dict(keys=keys, values=values):
            return _object(keys, values)
        case ast.Name(id=name):
            return name
        case ast.BinOp():
            return _number(node)
        case ast.Call(keywords=[]) | ast.Subscript():
            return ast.unparse(node)
        case ast.Call():
            return {_name(node): _arguments(node)}
    raise _Undecodable("a value is written in a way that is not understood")


def _object(keys: list[ast.expr | None], values: list[ast.expr]) -> dict[Any, Any]:
    try:
        return {_value(key): _value(value) for key, value in zip(keys, values, strict=True)}
    except TypeError as error:
        raise _Undecodable(f"a key of an object cannot be one: {error}") from error


def _number(node: ast.expr) -> Any:
    """The result of arithmetic on numbers, or of joining texts."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str)):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _number(node.operand)
        if isinstance(value, (int, float)):
            return -value if isinstance(node.op, ast.USub) else +value
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = _number(node.left), _number(node.right)
        numbers = all(isinstance(value, (int, float)) for value in (left, right))
        bounded = not isinstance(node.op, ast.Pow) or (numbers and max(abs(left), abs(right)) <= MAX_POWER)
        if bounded and (numbers or (isinstance(node.op, ast.Add) and type(left) is type(right))):
            try:
                return _ARITHMETIC[type(node.op)](left, right)
            except ArithmeticError as error:
                raise _Undecodable(f"cannot be worked out: {error}") from error
    raise _Undecodable(f"'{ast.unparse(node)[:80]}' is no arithmetic on numbers")
