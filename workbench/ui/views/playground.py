"""The Playground: the form, the tools beside it, a conversation turn by turn, each token with its probability."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.actions.playground import Exchange, Talk
from workbench.records import NO_TOOL, Tool, Toolset
from workbench.scenarios.validate import KNOWN_OS
from workbench.ui.views.base import pairs, percent, render, short
from workbench.ui.views.editor import SHELLS
from workbench.ui.views.formatted import code, formatted

LEVELS = ((0.99, "99 % or more"), (0.9, "90 to 99 %"), (0.5, "50 to 90 %"), (0.1, "10 to 50 %"), (0.0, "below 10 %"))
"""From which probability on a token has which colour, the surest first."""
UNSUREST = 3


def playground_form(
    models: Sequence[tuple[str, str]],
    toolsets: Sequence[Toolset],
    modes: Sequence[str],
    model: str,
    other: str,
    toolset: str,
    request: str = "",
) -> str:
    return render(
        "playground_form.html",
        models=models,
        toolsets=pairs([one.name for one in toolsets]),
        modes=pairs([mode for mode in modes if mode]),
        oses=pairs(KNOWN_OS),
        shells=pairs(SHELLS),
        model=model,
        other=other,
        toolset=toolset,
        request=request,
    )


def playground_tools(toolset: Toolset) -> str:
    """What the model is told of its tools."""
    return render("playground_tools.html", name=toolset.name, tools=[_tool(tool) for tool in toolset.tools])


def playground_empty(requests: Sequence[str]) -> str:
    """What stands there before anything was asked: what could be."""
    return render("playground_empty.html", requests=requests)


def playground_growing(model: str) -> str:
    """Ends one of two answers; it stands beside what grows, which is drawn anew with each token."""
    return render("playground_growing.html", model=model)


def playground_served(loaded: bool, waiting: int, recorded: str) -> str:
    """What the serving process does now."""
    return render("playground_served.html", loaded=loaded, waiting=waiting, recorded=recorded)


def talk(conversation: Talk, side: str) -> str:
    """A conversation; ``side``, ``left`` or ``right``, tells the ids of its fields apart."""
    last = len(conversation.exchanges) - 1
    turns = [_turn(one, at, at == last) for at, one in enumerate(conversation.exchanges)]
    return render("playground_talk.html", turns=turns, side=side, levels=[label for _, label in LEVELS])


def place(query: str) -> str:
    """Nothing to see: the address follows it."""
    return render("place.html", query=query)


def _tool(tool: Tool) -> dict[str, Any]:
    rows = [
        {"name": name, "required": name in tool.required, "wants": _wants(schema)}
        for name, schema in tool.properties.items()
    ]
    return {"name": tool.name, "description": tool.description, "rows": rows}


def _wants(schema: Mapping[str, Any]) -> str:
    choices = schema.get("enum")
    kind = " | ".join(map(str, choices)) if choices else str(schema.get("type", "any"))
    return short(" · ".join(part for part in (kind, str(schema.get("description", ""))) if part), 160)


def _turn(one: Exchange, at: int, last: bool) -> dict[str, Any]:
    decision = one.decision or {}
    calls = [_call(call) for call in decision.get("calls", ())]
    nothing = not decision or calls or decision.get("malformed")
    text = str(decision.get("text") or "") or ("" if nothing else NO_TOOL)
    tokens = [_token(token) for token in decision.get("logprobs", ())]
    return {
        "at": at,
        "said": [(row["role"], row["content"]) for row in one.said],
        "model": one.model,
        "growing": one.growing,
        "waiting": not one.done,
        "stopped": one.stopped,
        "repeatable": last and one.done and one.decision is None,
        "error": one.error,
        "hint": one.hint,
        "calls": calls,
        "no_tool": text.strip() == NO_TOOL,
        "text": formatted(text) if text.strip() != NO_TOOL else "",
        "malformed": decision.get("malformed", ""),
        "problems": [_problem(problem) for problem in decision.get("problems", ())],
        "figures": _figures(decision) if decision else "",
        "cut": decision.get("finish") == "length",
        "prompt": decision.get("prompt", ""),
        "raw": decision.get("raw", ""),
        "tokens": tokens,
        "unsure": sorted((token for token in tokens if token["others"]), key=lambda token: token["share"])[:UNSUREST],
        "answerable": last and bool(calls),
        "judgeable": bool(decision) and one.recorded,
        "unrecorded": bool(decision) and not one.recorded,
        "verdict": one.verdict,
        "savable": bool(decision) and one.said[-1]["role"] == "user",
        "scenario": one.scenario,
        "near": one.near,
    }


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    rows = [(name, code(json.dumps(value, ensure_ascii=False))) for name, value in call["arguments"].items()]
    return {"name": call["name"], "arguments": rows}


def _problem(problem: Mapping[str, Any]) -> str:
    return " ".join(part for part in (str(problem.get("field", "")), str(problem.get("message", ""))) if part)


def _figures(decision: Mapping[str, Any]) -> str:
    return " · ".join(
        (
            f"confidence {percent(decision['confidence'], 0)}",
            f"{decision['latency_ms']:,.0f} ms",
            f"{decision['prompt_tokens']:,} + {decision['completion_tokens']:,} tokens",
        )
    )


def _token(token: Mapping[str, Any]) -> dict[str, Any]:
    share = math.exp(token["logprob"])
    level = next(i for i, (least, _) in enumerate(LEVELS) if share >= least)
    others = [
        f"{_spelled(other['token'])} {percent(math.exp(other['logprob']), 1)}"
        for other in token["top_logprobs"]
        if other["token"] != token["token"] and math.exp(other["logprob"]) >= 0.001
    ]
    return {
        "text": _spelled(token["token"]),
        "share": share,
        "percent": percent(share, 1),
        "level": level,
        "others": ", ".join(others),
    }


def _spelled(token: str) -> str:
    """A token as it can be seen: a dot for a blank, an arrow for a new line."""
    return token.replace("Ġ", "·").replace("▁", "·").replace("Ċ", "⏎").replace(" ", "·").replace("\n", "⏎")
