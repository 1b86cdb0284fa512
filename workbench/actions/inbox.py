"""The inbox: recorded decisions in the order in which they need a person, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from workbench.actions import curate, duplicates
from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.decisions import Decided, decided, read_decision, to_scenario
from workbench.errors import WorkbenchError
from workbench.records import Scenario, ToolCall, Toolset, canonical_json
from workbench.scenarios.lexical import is_near, plain
from workbench.scenarios.scoring import score
from workbench.store import clusters as cluster_store
from workbench.store import inbox as inbox_store
from workbench.store.database import Store
from workbench.store.inbox import STATES, Recorded, Verdict

MOST = 500
"""Questions that are looked at to find the most needed ones: the newest."""
LOOKED_UP = 100
"""How many of them are compared with the scenarios at one time; the others follow at the next look."""
SAME = 0.95
"""From this likeness to an approved scenario on, other arguments are a disagreement, too."""
UNSURE = 0.8
NEAR_TAG = "near-held-out"
HELD_OUT = ("test", "validation")
REASONS: Mapping[str, str] = {
    "bad": "said to be wrong",
    "second": "another model decided otherwise",
    "nearest": "the nearest approved scenario says otherwise",
    "unreadable": "could not be read, or breaks a schema",
    "unsure": "the model was unsure",
    "held-out": "is near a held-out scenario",
    "good": "said to be right",
    "follow-up": "answers a tool's result, which no scenario can say",
}
_WORTH: Mapping[str, float] = {
    "bad": 8,
    "second": 4,
    "nearest": 4,
    "unreadable": 3,
    "unsure": 2,
    "held-out": 0,
    "good": -1,
    "follow-up": -8,
}


class HeldOutError(WorkbenchError):
    """What is to become a scenario is near one that models are tested with; ``near`` are the ids of those."""

    def __init__(self, near: Sequence[str], split: str) -> None:
        super().__init__(
            f"This is near the {split} scenario '{near[0]}': trained on, it would make the figures look too good.",
            f"Reject it, or accept it into the {split} split.",
        )
        self.near, self.split = tuple(near), split


@dataclass(frozen=True)
class Filter:
    """Which questions are shown; empty fields let everything through.

    Attributes:
        reason: one of ``REASONS``.
        text: must occur in the request.
    """

    toolset: str = ""
    state: str = "open"
    model: str = ""
    reason: str = ""
    text: str = ""


@dataclass(frozen=True)
class Finding:
    """How a decision stands to the scenarios.

    Attributes:
        nearest: id of the nearest approved scenario, or empty; ``likeness`` 0 to 1.
        differs: ``tool``, ``arguments``, or empty where they agree or the likeness says nothing.
        held_out: ids of validation and test scenarios that are near.
    """

    nearest: str = ""
    likeness: float = 0.0
    differs: str = ""
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One question of the inbox.

    Attributes:
        reasons: why it needs a person, the weightiest first: keys of ``REASONS``.
        others: what other models answered: completion, model and decision.
    """

    recorded: Recorded
    decided: Decided
    finding: Finding
    reasons: tuple[str, ...]
    need: float
    others: tuple[tuple[str, str, Decided], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        one, said = self.recorded, self.decided
        context = {key: getattr(said, key) for key in ("os", "shell", "mode") if getattr(said, key)}
        return {
            "id": one.id,
            "at": one.at,
            "model": one.model,
            "toolset": one.toolset,
            "state": one.state,
            "scenario": one.scenario,
            "request": said.request,
            **context,
            "calls": [call.to_dict() for call in said.calls],
            "text": said.text,
            "malformed": said.reason,
            "confidence": one.confidence,
            "latency_ms": one.latency_ms,
            "reasons": list(self.reasons),
            "nearest": asdict(self.finding) | {"held_out": list(self.finding.held_out)},
            "others": [
                {"id": id, "model": model, "calls": [call.to_dict() for call in other.calls], "text": other.text}
                for id, model, other in self.others
            ],
            "feedback": [dict(said) for said in one.feedback],
        }


@dataclass(frozen=True)
class Judged:
    """What a verdict did; ``scenario`` is the id of the draft, ``split`` the one that it is pinned to, if any."""

    id: str
    verdict: Verdict
    change: int
    scenario: str = ""
    split: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def entries(store: Store, filter: Filter) -> list[Entry]:
    """Questions that the filter lets through, the most needed first, then the newest.

    Raises:
        WorkbenchError: there is no such toolset, state or reason.
    """
    if filter.state and filter.state not in STATES:
        raise WorkbenchError(f"'{filter.state}' is no state.", f"Choose one of {', '.join(STATES)}.")
    if filter.reason and filter.reason not in REASONS:
        raise WorkbenchError(f"'{filter.reason}' is no reason.", f"Choose one of {', '.join(REASONS)}.")
    toolset = curate.toolset(store, filter.toolset or curate.default_toolset(store))
    rows = inbox_store.find(store, toolset.name, filter.state, filter.model, MOST)
    findings = _findings(store, rows, toolset)
    others = inbox_store.others(store, rows)
    found = [_entry(row, findings.get(row.id, Finding()), others.get(row.id, [])) for row in rows]
    wanted = filter.text.lower()
    kept = [
        one
        for one in found
        if (not filter.reason or filter.reason in one.reasons) and wanted in one.decided.request.lower()
    ]
    return sorted(kept, key=lambda one: -one.need)


def entry(store: Store, completion: str) -> Entry:
    """One question, compared with the scenarios as they are now. Raises WorkbenchError when nothing is recorded."""
    row = _get(store, completion)
    toolset = curate.toolset(store, row.toolset)
    finding = _finding(store, decided(row), toolset)
    inbox_store.save_findings(store, {row.id: asdict(finding)}, cluster_store.newest_change(store))
    return _entry(row, finding, inbox_store.others(store, [row]).get(row.id, []))


def draft(store: Store, completion: str) -> Scenario:
    """What accepting would save. Raises WorkbenchError when a scenario cannot say it."""
    row = _get(store, completion)
    return to_scenario(decided(row), curate.toolset(store, row.toolset), row.id)


def accept(store: Store, completion: str, author: str = DEFAULT_AUTHOR, near_held_out: bool = False) -> Judged:
    """The model was right: its decision becomes a draft.

    Args:
        near_held_out: take it although it is near a held-out scenario; it is pinned to that one's split.

    Raises:
        HeldOutError: it is near a held-out scenario.
        WorkbenchError: nothing is recorded, it is judged already, or the reply cannot be an outcome.
    """
    row = _open(store, completion)
    if reason := decided(row).reason:
        raise WorkbenchError(f"The reply could not be read ({reason}).", "Correct it, or reject it.")
    return _keep(store, row, "accepted", draft(store, completion), author, near_held_out)


def correct(
    store: Store, completion: str, scenario: Scenario, author: str = DEFAULT_AUTHOR, near_held_out: bool = False
) -> Judged:
    """The model was wrong: this is what it should have decided. Errors as those of ``accept``."""
    row = _open(store, completion)
    first = draft(store, completion)
    return _keep(store, row, "corrected", replace(scenario, id=first.id, source=first.source), author, near_held_out)


def reject(store: Store, completion: str, author: str = DEFAULT_AUTHOR) -> Judged:
    """Nothing to learn here. Raises WorkbenchError when nothing is recorded or it is judged already."""
    row = _open(store, completion)
    return Judged(row.id, "rejected", inbox_store.judge(store, row, "rejected", author, note=decided(row).request[:80]))


def near_held_out(store: Store, scenario: Scenario) -> tuple[str, ...]:
    """Ids of the validation and test scenarios that a request repeats or nearly repeats."""
    return _held_out(
        store, scenario.request, duplicates.similar(store, scenario.toolset, scenario.request, scenario.id)
    )


def _keep(store: Store, row: Recorded, verdict: Verdict, scenario: Scenario, author: str, allowed: bool) -> Judged:
    kept = held_back(store, replace(scenario, status="draft"), allowed)
    curate.refuse_problems(store, kept)
    change = inbox_store.judge(store, row, verdict, author, kept, kept.request[:80])
    return Judged(row.id, verdict, change, kept.id, kept.split or "")


def held_back(store: Store, scenario: Scenario, allowed: bool) -> Scenario:
    """The scenario, pinned to the split of the held-out ones that it is near, so that it is never trained on.

    Raises:
        HeldOutError: it is near some, and that is not ``allowed``.
    """
    near = near_held_out(store, scenario)
    if not near:
        return scenario
    split = curate.splits(store, near)[near[0]]
    if not allowed:
        raise HeldOutError(near, split)
    return replace(scenario, split=split, tags=tuple(dict.fromkeys((*scenario.tags, NEAR_TAG))))


def _get(store: Store, completion: str) -> Recorded:
    found = inbox_store.get(store, completion)
    if found is None:
        raise WorkbenchError(f"No decision '{completion}' is recorded.", "It may be older than decisions are kept.")
    return found


def _open(store: Store, completion: str) -> Recorded:
    row = _get(store, completion)
    if row.state != "open":
        raise WorkbenchError(f"This decision is {row.state} already.", "Undo that first.")
    return row


def _entry(row: Recorded, finding: Finding, others: Sequence[tuple[str, str, Sequence[Mapping[str, Any]]]]) -> Entry:
    said = decided(row)
    read = [(id, model, read_decision(row.request, reply[0] if reply else {})) for id, model, reply in others]
    verdict = row.feedback[-1]["verdict"] if row.feedback else ""
    holds = {
        "bad": verdict == "bad",
        "second": any(_told(one.calls) != _told(said.calls) for _, _, one in read),
        "nearest": bool(finding.differs),
        "unreadable": bool(said.reason or said.wrong),
        "unsure": row.confidence is not None and row.confidence < UNSURE,
        "held-out": bool(finding.held_out),
        "good": verdict == "good",
        "follow-up": said.follows_result,
    }
    reasons = tuple(reason for reason in REASONS if holds[reason])
    need = sum(_WORTH[reason] for reason in reasons) + (1 - (1.0 if row.confidence is None else row.confidence))
    return Entry(row, said, finding, reasons, need, tuple(read))


def _told(calls: Sequence[ToolCall]) -> list[str]:
    return sorted(canonical_json(call.to_dict()) for call in calls)


def _findings(store: Store, rows: Sequence[Recorded], toolset: Toolset) -> dict[str, Finding]:
    """What is known of each decision; a part of those of which nothing is known yet is looked up."""
    known = {
        id: Finding(**{**body, "held_out": tuple(body["held_out"])}) for id, body in inbox_store.findings(store).items()
    }
    fresh = [row for row in rows if row.id not in known][:LOOKED_UP]
    found = {row.id: _finding(store, decided(row), toolset) for row in fresh}
    told = {id: asdict(finding) for id, finding in found.items()}
    inbox_store.save_findings(store, told, cluster_store.newest_change(store))
    return {**known, **found}


def _finding(store: Store, said: Decided, toolset: Toolset) -> Finding:
    if said.follows_result:
        return Finding()
    alike = duplicates.similar(store, toolset.name, said.request, limit=8)
    held_out = _held_out(store, said.request, alike)
    approved = [(one, likeness) for one, likeness in alike if one.status == "approved"]
    if not approved:
        return Finding(held_out=held_out)
    nearest, likeness = approved[0]
    told = score(nearest.id, nearest.outcome, said.parsed, toolset)
    differs = "" if said.reason else "tool" if not told.tool_correct else ""
    if not differs and not told.exact and likeness >= SAME and not said.reason:
        differs = "arguments"
    return Finding(nearest.id, round(likeness, 3), differs, held_out)


def _held_out(store: Store, request: str, alike: Sequence[tuple[Scenario, float]]) -> tuple[str, ...]:
    text = plain(request)
    near = [one.id for one, _ in alike if is_near(text, plain(one.request))]
    splits = curate.splits(store, near)
    return tuple(sorted((id for id in near if splits.get(id) in HELD_OUT), key=lambda id: HELD_OUT.index(splits[id])))
