"""The editor's form as a scenario. What the form does not show of a scenario is kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

from workbench.records import SPLITS, STATUSES, ExpectedCall, Outcome, Scenario, Status, Tool, Toolset
from workbench.scenarios.places import ABSENT, value_at
from workbench.store.scenarios import UNSET, ScenarioFilter
from workbench.ui import scoring_form
from workbench.ui.argument_fields import accepted_text, accepted_values, argument_value, as_json
from workbench.ui.forms import Fields, filter_parts, one, one_of, whole, words


def blank(filter: ScenarioFilter, toolset: Toolset, id: str, given: str = "") -> Scenario:
    """A new scenario as the filter suggests: its tool, OS, shell, mode, tag and pinned split.

    Args:
        given: arguments of its call as a JSON object; anything else is passed over.
    """
    tool = filter.tool if toolset.tool(filter.tool) else ""
    no_tool = filter.tool == "NO_TOOL"
    arguments = as_json(given) if given else {}
    call = ExpectedCall(tool, arguments if tool and isinstance(arguments, dict) else {})
    place = {name: "" if value == UNSET else value for name, value in filter_parts(filter).items()}
    return Scenario(
        id=id,
        toolset=toolset.name,
        request="",
        outcome=Outcome() if no_tool else Outcome((call,)),
        os=place["os"],
        shell=place["shell"],
        mode=place["mode"],
        tags=(place["tag"],) if place["tag"] else (),
        split=one_of(filter.split, SPLITS),
        status="approved",
        source="author",
    )


def scenario(fields: Fields, toolset: Toolset, before: Scenario) -> Scenario:
    """The scenario that the editor's form says; what the form does not show is kept from ``before``."""
    return replace(
        before,
        request=one(fields, "request").strip(),
        outcome=_outcome(fields, toolset, before.outcome),
        os=one(fields, "os"),
        shell=one(fields, "shell").strip(),
        mode=one(fields, "mode").strip(),
        tags=tuple(words(one(fields, "tags"))),
        reasoning=one(fields, "reasoning").strip(),
        status=cast(Status, one_of(one(fields, "status"), STATUSES) or before.status),
        split=one_of(one(fields, "split"), SPLITS),
    )


def _outcome(fields: Fields, toolset: Toolset, before: Outcome) -> Outcome:
    kind = one(fields, "outcome", "one")
    if kind == "none":
        return Outcome()
    count = whole(fields, "calls")
    calls = [_call(fields, i, toolset, before) for i in range(count) if one(fields, "drop") != str(i)]
    if one(fields, "add") or not calls:
        calls.append(ExpectedCall(""))
    if kind == "one":
        return Outcome(tuple(calls[:1]))
    calls += [ExpectedCall("")] * (2 - len(calls))
    return Outcome(tuple(calls), one(fields, "ordered") == "yes")


def _call(fields: Fields, i: int, toolset: Toolset, before: Outcome) -> ExpectedCall:
    name = one(fields, f"call.{i}.name")
    tool = toolset.tool(name)
    arguments = {}
    for argument, schema in (tool.properties if tool else {}).items():
        values = fields.get(f"call.{i}.arg.{argument}", ())
        if any(values):
            arguments[argument] = argument_value(schema, values)
    arguments |= _strays(fields, i, tool)
    old = before.calls[i] if i < len(before.calls) and before.calls[i].name == name else ExpectedCall(name)
    return _judged(fields, i, tool, ExpectedCall(name, arguments), old)


def _judged(fields: Fields, i: int, tool: Tool | None, call: ExpectedCall, old: ExpectedCall) -> ExpectedCall:
    """The call with what counts as right for it; what the form does not show of that is kept."""
    kept = {
        place for place in (*old.accept, *old.optional, *old.rules) if value_at(call.arguments, place) is not ABSENT
    }
    accept = {place: values for place, values in old.accept.items() if place in kept}
    optional = set(old.optional & kept)
    rules = {place: rule for place, rule in old.rules.items() if place in kept}
    same_tool = one(fields, f"call.{i}.was") == call.name
    for argument in call.arguments:
        if not (same_tool and one(fields, f"call.{i}.judged.{argument}")):
            continue
        schema = tool.properties.get(argument, {}) if tool else {}
        typed = partial(_typed, fields, i, argument)
        accept[argument] = _accepted(schema, typed("accept"), old.accept.get(argument, ()))
        (optional.add if typed("optional") else optional.discard)(argument)
        rules.pop(argument, None)
        if rule := scoring_form.read_rule(typed, old.rules.get(argument)):
            rules[argument] = rule
    accept = {place: values for place, values in accept.items() if values}
    return replace(call, accept=accept, optional=frozenset(optional), rules=rules)


def _typed(fields: Fields, i: int, argument: str, name: str) -> str:
    return one(fields, f"call.{i}.{name}.{argument}").replace("\r\n", "\n")


def _strays(fields: Fields, i: int, tool: Tool | None) -> dict[str, Any]:
    """Arguments that the form holds although the tool does not know them, so that a person can see and empty them."""
    before = f"call.{i}.arg."
    names = [name.removeprefix(before) for name in fields if name.startswith(before)]
    stray = {name: fields[before + name] for name in names if tool and name not in tool.properties}
    same_tool = tool is not None and one(fields, f"call.{i}.was") == tool.name
    return {name: argument_value({}, values) for name, values in stray.items() if same_tool and any(values)}


def _accepted(schema: Mapping[str, Any], text: str, before: Sequence[Any]) -> tuple[Any, ...]:
    """The values on the lines of a field; those of before where nobody has touched it."""
    return tuple(before) if text == accepted_text(schema, before) else accepted_values(schema, text)
