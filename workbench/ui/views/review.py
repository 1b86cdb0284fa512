"""Review: one draft with its calls argument by argument, and the frame around the queue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.review import Agreement, Item
from workbench.errors import Problem
from workbench.records import ExpectedCall, Scenario, Tool, Toolset
from workbench.scenarios.splitting import split_of
from workbench.store.reviews import Verdict
from workbench.ui.views.base import ago, calls_text, outcome_text, pairs, render, said, short, toast


def review_page(user: str = "") -> str:
    """The frame; the script fills its slots. ``user``: the login's name, or empty."""
    return render("review.html", user=user)


def saved(id: str, change: int = 0) -> str:
    """What stands in the editor's place once a draft was saved: nothing to see, but the script finds it.

    Args:
        change: where saving is the verdict: the change that holds it.
    """
    return render("review_saved.html", id=id, change=change or "")


def review_setup(
    toolsets: Sequence[Toolset],
    toolset: str,
    reviewer: str,
    reviewers: int,
    agreements: Sequence[Agreement],
    differing: Sequence[tuple[Scenario, Sequence[Verdict]]],
) -> str:
    """What stands at the top: toolset, who decides, the reviewer's name, how far reviewers agree."""
    return render(
        "review_setup.html",
        toolsets=pairs([one.name for one in toolsets]),
        toolset=toolset,
        reviewer=reviewer,
        reviewers=reviewers,
        pairs=[{"names": " and ".join(one.reviewers), "text": _agreement(one)} for one in agreements],
        differing=[
            {"id": scenario.id, "request": short(scenario.request, 70), "text": _verdicts(verdicts)}
            for scenario, verdicts in differing
        ],
    )


def review_item(item: Item, toolset: Toolset, needs: Sequence[str] = ()) -> str:
    """One draft. ``needs`` says which gaps it would fill."""
    scenario = item.scenario
    calls = [_call(i, call, scenario, toolset, item.problems) for i, call in enumerate(scenario.outcome.calls)]
    placed = {problem for call in calls for problem in call["placed"]}
    context = [("OS", scenario.os), ("shell", scenario.shell), ("mode", scenario.mode), ("split", split_of(scenario))]
    return render(
        "review_item.html",
        scenario=scenario,
        needs=[f"fills a gap: {need}" for need in needs],
        context=[*((name, value or "any") for name, value in context), *(("tag", tag) for tag in scenario.tags)],
        turns=[(turn.role, turn.content or calls_text(turn.calls) or _json(turn.result)) for turn in scenario.history],
        calls=calls,
        problems=[str(problem) for problem in item.problems if problem not in placed],
        barred=Markup(_barred(item.problems[0])) if item.problems else "",
        verdicts=_verdicts(item.verdicts),
        provenance=_provenance(item),
        revisions="1 revision" if item.revisions == 1 else f"{item.revisions} revisions",
        similar=_similar(item),
    )


def _barred(problem: Problem) -> str:
    return toast("It cannot be approved yet.", f"{said(problem)} Press E to mend it, or R to reject.", bad=True)


def _call(
    i: int, call: ExpectedCall, scenario: Scenario, toolset: Toolset, problems: Sequence[Problem]
) -> dict[str, Any]:
    tool = toolset.tool(call.name) or Tool(call.name, "", {})
    schemas: dict[str, Mapping[str, Any]] = {
        **tool.properties,
        **{k: {} for k in call.arguments if k not in tool.properties},
    }
    at = {name: [p for p in problems if _concerns(p, i, name)] for name in schemas}
    mine = [p for p in problems if p.field == f"expected[{i}].name"]
    several = len(scenario.outcome.calls) > 1
    return {
        "name": call.name,
        "description": tool.description,
        "order": f"{i + 1}." if several and scenario.outcome.ordered else "in any order" if several else "",
        "problems": [said(problem) for problem in mine],
        "placed": [*mine, *(problem for found in at.values() for problem in found)],
        "arguments": [
            {
                "name": name,
                "given": name in call.arguments,
                "required": name in tool.required,
                "value": _json(call.arguments.get(name)),
                "more": _more(call, name),
                "wants": _wants(schema),
                "problems": [said(problem) for problem in at[name]],
            }
            for name, schema in schemas.items()
        ],
    }


def _concerns(problem: Problem, i: int, name: str) -> bool:
    places = tuple(f"expected[{i}].{part}.{name}" for part in ("arguments", "accept"))
    return problem.field in places or problem.field.startswith(
        tuple(f"{place}{end}" for place in places for end in ".[")
    )


def _more(call: ExpectedCall, name: str) -> str:
    parts = [f"or {', '.join(map(_json, call.accept[name]))}"] if call.accept.get(name) else []
    return "; ".join([*parts, *(["may be left out"] if name in call.optional else [])])


def _wants(schema: Mapping[str, Any]) -> str:
    items = schema.get("items")
    inner = items if isinstance(items, Mapping) else {}
    choices = schema.get("enum") or inner.get("enum")
    kind = schema.get("type", "not in the schema" if not schema else "any")
    parts = (
        [f"one of {', '.join(map(_json, choices))}"]
        if choices
        else [kind if isinstance(kind, str) else " or ".join(kind)]
    )
    names = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "format", "default")
    parts += [f"{name} {_json(schema[name])}" for name in names if name in schema]
    return short(" · ".join([*parts, str(schema.get("description", ""))]).rstrip(" ·"), 200)


def _provenance(item: Item) -> str:
    author = "you" if item.author == DEFAULT_AUTHOR else item.author
    return " · ".join([item.scenario.source or "source unknown", f"by {author}, {ago(item.at)}", item.scenario.id])


def _similar(item: Item) -> dict[str, str] | None:
    if item.similar is None:
        return None
    scenario, similarity = item.similar
    call = short(outcome_text(scenario.outcome), 100)
    return {"id": scenario.id, "request": short(scenario.request, 100), "call": call, "percent": f"{similarity:.0%}"}


def _agreement(one: Agreement) -> str:
    kappa = "κ not defined, for both always said the same" if one.kappa is None else f"Cohen's κ {one.kappa:.2f}"
    return f"{one.agreed} of {one.n} alike, {kappa}"


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    return ", ".join(f"{one.reviewer} says {one.verdict}" for one in verdicts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
