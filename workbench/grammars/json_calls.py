"""Calls that are JSON objects as a grammar: Hermes and Qwen in ``<tool_call>``, Llama 3 bare with ``; `` between.

Spaced as ``json.dumps`` does it. Arguments stand in the order of the schema.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.dialects import hermes, llama3
from workbench.grammars.lark import Rules, alternatives, json_value, literal
from workbench.grammars.schema import Limits, bounded
from workbench.records import Tool


def hermes_calls(rules: Rules, tools: Sequence[Tool], most: int, limits: Limits) -> str:
    """One to ``most`` calls, each between its tags, a line end between them."""
    body = _call(rules, tools, "arguments", limits)
    start, end = rules.token(hermes.CALL_START), rules.token(hermes.CALL_END)
    call = rules.rule(f'{start} "\\n" {body} "\\n" {end}')
    return _several(call, "\n", most)


def llama3_calls(rules: Rules, tools: Sequence[Tool], most: int, limits: Limits) -> str:
    """One to ``most`` calls; the templates know one, see ``dialects.llama3``."""
    return _several(_call(rules, tools, "parameters", limits), llama3.BETWEEN_CALLS, most)


def _call(rules: Rules, tools: Sequence[Tool], key: str, limits: Limits) -> str:
    bodies = []
    for tool in tools:
        head = literal(f'{{"name": {literal(tool.name)}, "{key}": ')
        arguments = rules.rule(json_value(bounded(tool.parameters, limits)))
        bodies.append(rules.rule(f'{head} {arguments} "}}"'))
    return rules.rule(alternatives(bodies))


def _several(call: str, between: str, most: int) -> str:
    return f"{call} ({literal(between)} {call}){{0,{most - 1}}}" if most > 1 else call
