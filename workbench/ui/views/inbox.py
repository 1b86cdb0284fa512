"""Inbox: one recorded decision beside what it is compared with, and the frame around the queue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from workbench.actions.decisions import Decided
from workbench.actions.inbox import REASONS, Entry, Filter
from workbench.records import NO_TOOL, Scenario, Toolset
from workbench.store.capture import Capture
from workbench.store.inbox import STATES
from workbench.ui.views.base import ago, calls_text, outcome_text, pairs, percent, render, short, toast
from workbench.ui.views.formatted import code


def inbox_page() -> str:
    """The frame; the script fills its slots."""
    return render("inbox.html")


def inbox_setup(
    toolsets: Sequence[Toolset], filter: Filter, models: Sequence[str], counts: Mapping[str, int], capture: Capture
) -> str:
    """What stands at the top: the filter, what is recorded, files in and out."""
    return render(
        "inbox_setup.html",
        toolsets=pairs([one.name for one in toolsets]),
        filter=filter,
        models=pairs(models, filter.model),
        reasons=[(name, text[:1].upper() + text[1:]) for name, text in REASONS.items()],
        states=[(state, f"{state} ({counts[state]:,})") for state in STATES],
        capture=capture,
        share=f"{100 * capture.share:g}",
    )


def inbox_item(entry: Entry, nearest: Scenario | None, splits: Mapping[str, str]) -> str:
    """One question.

    Args:
        nearest: the nearest approved scenario.
        splits: of the held-out scenarios that are near.
    """
    row, said = entry.recorded, entry.decided
    context = [("OS", said.os), ("shell", said.shell), ("mode", said.mode), ("state", row.state)]
    return render(
        "inbox_item.html",
        id=row.id,
        request=said.request or "(an answer to a tool's result)",
        reasons=[(REASONS[reason], _TONES.get(reason, "warn")) for reason in entry.reasons],
        context=[(name, value or "any") for name, value in context],
        turns=[(turn.role, turn.content or calls_text(turn.calls) or _json(turn.result)) for turn in said.history],
        decided=_decided(said),
        model=row.model,
        others=[
            {"id": id, "model": model, "text": calls_text(other.calls), "reason": other.reason}
            for id, model, other in entry.others
        ],
        nearest=_nearest(nearest, entry) if nearest else None,
        held_out=[(id, splits[id]) for id in entry.finding.held_out],
        barred=Markup(_barred(entry, splits)),
        feedback=[
            {"verdict": one["verdict"], "comment": one.get("comment", ""), "expected": _expected(one.get("expected"))}
            for one in row.feedback
        ],
        provenance=_provenance(entry),
        scenario=row.scenario,
    )


_TONES = {"bad": "bad", "second": "bad", "nearest": "bad", "unreadable": "bad", "good": "good", "follow-up": ""}


def _decided(said: Decided) -> dict[str, Any]:
    return {
        "reason": said.reason,
        "raw": short(said.raw, 600),
        "wrong": said.wrong,
        "text": short(said.text, 600) if said.text.strip() != NO_TOOL else "",
        "no_tool": said.text.strip() in ("", NO_TOOL) and not said.calls and not said.reason,
        "calls": [
            (call.name, [(name, code(_json(value))) for name, value in call.arguments.items()]) for call in said.calls
        ],
    }


def _barred(entry: Entry, splits: Mapping[str, str]) -> str:
    """Why it cannot simply be accepted; empty when it can."""
    if entry.recorded.state != "open":
        return toast(f"It is {entry.recorded.state} already.", "Press U to undo, or S to go on.", bad=True)
    if entry.decided.follows_result:
        return toast("This answers a tool's result.", "A scenario begins with a request. Press R to reject.", bad=True)
    if entry.decided.reason:
        return toast("The reply could not be read.", "Press E to correct it, or R to reject.", bad=True)
    if entry.finding.held_out:
        split = splits[entry.finding.held_out[0]]
        return toast(
            f"It is near a {split} scenario.", f"Press T to accept it into the {split} split, or R to reject.", bad=True
        )
    return ""


def _nearest(scenario: Scenario, entry: Entry) -> dict[str, Any]:
    return {
        "id": scenario.id,
        "request": short(scenario.request, 160),
        "call": short(outcome_text(scenario.outcome), 300),
        "likeness": percent(entry.finding.likeness, 0),
        "differs": {"tool": "another tool", "arguments": "other arguments"}.get(entry.finding.differs, ""),
    }


def _provenance(entry: Entry) -> str:
    row = entry.recorded
    sure = f"confidence {percent(row.confidence, 0)}" if row.confidence is not None else ""
    took = f"{row.latency_ms:,.0f} ms" if row.latency_ms is not None else ""
    return " · ".join(part for part in (f"{row.model}, {ago(row.at)}", sure, took, row.id) if part)


def _expected(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else short(_json(value), 200)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
