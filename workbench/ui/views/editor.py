"""The editor of one scenario; the fields of a call come from its tool's schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.errors import Problem
from workbench.records import SPLITS, STATUSES, ExpectedCall, Scenario, Split, Tool, Toolset, Turn
from workbench.scenarios.splitting import split_of
from workbench.scenarios.validate import KNOWN_OS
from workbench.store.scenarios import Revision
from workbench.ui import argument_fields, scoring_form
from workbench.ui.forms import Desk
from workbench.ui.views.base import ago, calls_text, pairs, render, said

SHELLS = ("bash", "zsh", "fish", "sh", "powershell", "cmd")


def editor(
    scenario: Scenario,
    toolset: Toolset,
    *,
    desk: Desk,
    problems: Sequence[Problem] = (),
    history: Sequence[Revision] = (),
    modes: Iterable[str] = (),
    several: bool = False,
    dirty: bool = False,
    split: Split | None = None,
) -> str:
    """The form beside the table.

    Args:
        problems: shown at their fields; those without a field of their own stand on top.
        history: revisions, the newest first; empty for a scenario that was never saved.
        several: offer several calls although there is only one yet.
        dirty: the form holds what is not saved.
        split: where an unpinned scenario is; None before it was saved, or while it is pinned.
    """
    calls = [_call_form(i, call.name, scenario, toolset, problems) for i, call in enumerate(scenario.outcome.calls)]
    shown = {"request", "os"} | {place for call in calls for place in call["places"]}
    looking = desk.revision and history and desk.revision != history[0].revision
    banner = f"This is revision {desk.revision}. Save to make it the current one again." if looking else ""
    kind = "none" if scenario.outcome.is_no_tool else "several" if several or len(calls) > 1 else "one"
    return render(
        "editor.html",
        scenario=scenario,
        saved=bool(history),
        title="Edit scenario" if history else "New scenario",
        subtitle=" · ".join(part for part in (scenario.id, toolset.name, scenario.source) if part),
        banner=banner,
        dirty=dirty or bool(looking),
        focus=f"{scenario.id}/{desk.revision}",
        outcome=kind,
        calls=calls,
        tools=pairs(toolset.tool_names),
        general=[str(problem) for problem in problems if problem.field not in shown],
        problems={name: [said(p) for p in problems if p.field == name] for name in ("request", "os")},
        turns=[(turn.role, turn.content or _turn_text(turn)) for turn in scenario.history],
        oses=pairs(KNOWN_OS, scenario.os),
        shells=SHELLS,
        modes=[mode for mode in modes if mode],
        statuses=STATUSES,
        splits=pairs(SPLITS),
        split_auto=f"automatic ({split or split_of(_unpinned(scenario))})" if scenario.request else "automatic",
        history=_history(history, desk.revision),
    )


def _unpinned(scenario: Scenario) -> Scenario:
    return Scenario(scenario.id, scenario.toolset, scenario.request)


def _turn_text(turn: Turn) -> str:
    return calls_text(turn.calls) if turn.calls else f"{turn.name}: {json.dumps(turn.result, ensure_ascii=False)}"


def _call_form(i: int, name: str, scenario: Scenario, toolset: Toolset, problems: Sequence[Problem]) -> dict[str, Any]:
    call = scenario.outcome.calls[i]
    tool = toolset.tool(name) or Tool(name, "", {})
    strays: dict[str, Mapping[str, Any]] = {key: {} for key in call.arguments if key not in tool.properties}
    arguments = [
        _argument(i, key, schema, call.arguments.get(key), key in tool.required, problems)
        | {"judged": _judged(i, key, schema, call, tool, problems)}
        for key, schema in {**tool.properties, **strays}.items()
    ]
    inner = sorted({*call.accept, *call.optional, *call.rules} - {argument["name"] for argument in arguments})
    place = f"expected[{i}].name"
    return {
        "name": name,
        "description": tool.description,
        "arguments": arguments,
        "kept": f"also has rules for {', '.join(inner)}" if inner else "",
        "problems": [said(problem) for problem in problems if problem.field == place],
        "places": {
            place,
            *(p.field for p in problems for a in arguments if any(_is_at(p, at) for at in a["judged"]["places"])),
        },
    }


def _argument(
    i: int, name: str, schema: Mapping[str, Any], value: Any, required: bool, problems: Sequence[Problem]
) -> dict[str, Any]:
    kind = argument_fields.argument_kind(schema)
    place = f"expected[{i}].arguments.{name}"
    enum = schema.get("items", {}).get("enum", ()) if kind == "choices" else schema.get("enum", ())
    text = argument_fields.argument_text(schema, value)
    return {
        "name": name,
        "kind": kind,
        "place": place,
        "id": f"c{i}-{name}",
        "field": f"call.{i}.arg.{name}",
        "at": lambda part: f"call.{i}.{part}.{name}",
        "text": text,
        "long": len(text) > 60 or "\n" in text,
        "chosen": [argument_fields.as_text(item) for item in value] if isinstance(value, list) else [],
        "options": pairs(map(argument_fields.as_text, enum), text if kind == "choice" else ""),
        "required": required,
        "hint": _argument_hint(schema, kind),
        "problems": [said(problem) for problem in problems if _is_at(problem, place)],
    }


def _judged(
    i: int, name: str, schema: Mapping[str, Any], call: ExpectedCall, tool: Tool, problems: Sequence[Problem]
) -> dict[str, Any]:
    """What counts as right for an argument: the fields behind its fold."""
    rule, tool_rule, accepted = call.rules.get(name), tool.rules.get(name), call.accept.get(name, ())
    optional = name in call.optional
    told = scoring_form.summary(rule, tool_rule, len(accepted), optional)
    accept_place, rule_place = f"expected[{i}].accept.{name}", f"expected[{i}].rules.{name}"
    found = {
        "accept": [said(problem) for problem in problems if _is_at(problem, accept_place)],
        "rule": [said(problem) for problem in problems if _is_at(problem, rule_place)],
    }
    return {
        **scoring_form.rule_fields(rule, tool_rule, argument_fields.argument_kind(schema)),
        "shown": name in call.arguments,
        "accept": argument_fields.accepted_text(schema, accepted),
        "optional": optional,
        "summary": told,
        "open": bool(rule or accepted or optional or any(found.values())),
        "problems": found,
        "places": (f"expected[{i}].arguments.{name}", accept_place, rule_place),
    }


def _argument_hint(schema: Mapping[str, Any], kind: str) -> str:
    parts = [str(schema.get("description", "")).rstrip(".")]
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        parts.append(f"{low} to {high}")
    elif low is not None or high is not None:
        parts.append(f"at least {low}" if low is not None else f"at most {high}")
    if "default" in schema:
        parts.append(f"default {json.dumps(schema['default'], ensure_ascii=False)}")
    parts += ["separate with commas"] if kind == "list" else ["JSON"] if kind == "json" else []
    return " · ".join(part for part in parts if part)


def _is_at(problem: Problem, place: str) -> bool:
    return problem.field == place or problem.field.startswith((f"{place}[", f"{place}."))


def _history(history: Sequence[Revision], shown: int) -> list[dict[str, Any]]:
    older: list[Revision | None] = [*history[1:], None]
    return [
        {
            "revision": one.revision,
            "what": "deleted" if one.deleted else "created" if before is None else one.kind,
            "author": "you" if one.author == DEFAULT_AUTHOR else one.author,
            "when": ago(one.at),
            "shown": one.revision == (shown or history[0].revision),
            "changed": _changed(before, one),
        }
        for one, before in zip(history, older, strict=False)
    ]


def _changed(before: Revision | None, after: Revision) -> str:
    """Which fields a revision changed."""
    if before is None or after.deleted or before.deleted:
        return ""
    old, new = before.scenario.to_dict(), after.scenario.to_dict()
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return f"changed {', '.join(names)}" if names else ""
