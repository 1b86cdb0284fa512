"""Filling gaps by rule: drafts from schemas, templates and rewritten scenarios, made here and now.

They come in as one change that can be undone, and each says where it is from. A teacher takes minutes and money and is
a run of its own: see ``teaching``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.curate import toolset as get_toolset
from workbench.actions.drafts import add_drafts
from workbench.actions.orders import Order, checked
from workbench.errors import WorkbenchError
from workbench.records import Scenario, ToolCall, Toolset
from workbench.scenarios.generate import schema, templates, variants
from workbench.scenarios.generate.drafts import contexts
from workbench.scenarios.generate.novelty import Entry, Novelty, Seen
from workbench.scenarios.generate.template_file import read_templates
from workbench.scenarios.noise import ValuePool
from workbench.scenarios.splitting import split_of
from workbench.store import scenarios as scenario_store
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.workspace import SHIPPED_DATASETS

LOOKED_AT = 1_000
MOST = 20_000
"""Drafts that one change may add; a stream has no such limit."""
SHOWN = 12
VALUES_EACH = 3
"""Values of train scenarios that stand in for made-up words, for each argument."""


@dataclass(frozen=True)
class Left:
    """A draft that is not added, and why."""

    request: str
    reason: str

    def to_dict(self) -> dict[str, str]:
        return {"request": self.request, "reason": self.reason}


@dataclass(frozen=True)
class Batch:
    """What an order gives.

    Attributes:
        drafts: those to add.
        left: those that are left out.
        notes: what a person should know, such as that there is less to be had than was asked for.
        change: id of the change that added them; 0 for a preview, or when nothing was new.
    """

    drafts: tuple[Scenario, ...]
    left: tuple[Left, ...] = ()
    notes: tuple[str, ...] = ()
    change: int = 0

    def to_dict(self, shown: int = SHOWN) -> dict[str, Any]:
        """Counts, and the first few of each kind."""
        return {
            "drafts": len(self.drafts),
            "left": len(self.left),
            "change": self.change,
            "notes": list(self.notes),
            "examples": [draft.to_dict() for draft in self.drafts[:shown]],
            "left_examples": [one.to_dict() for one in self.left[:shown]],
        }


@dataclass(frozen=True)
class _Source:
    """Drafts without end, or until the way has no more, and what to say of it."""

    drafts: Iterator[Scenario]
    notes: tuple[str, ...] = ()


def preview(store: Store, order: Order) -> Batch:
    """The first drafts of an order (at most 1,000), without adding them.

    Raises:
        ProblemsError: the order makes no sense; for a file of templates each problem has its line.
    """
    return _make(store, replace(order, count=min(order.count, LOOKED_AT)))


def generate(store: Store, order: Order, author: str = DEFAULT_AUTHOR) -> Batch:
    """Add the drafts of an order as one change.

    Raises:
        ProblemsError: the order makes no sense.
        WorkbenchError: it is for a teacher (see ``teaching``), or too large for one change.
    """
    if order.count > MOST:
        raise WorkbenchError(f"One change adds at most {MOST:,} drafts.", "Write more to a file, and import that.")
    batch = _make(store, order)
    return replace(batch, change=add_drafts(store, batch.drafts, author, _note(order)))


def stream(store: Store, order: Order) -> Iterator[str]:
    """The same drafts as lines of a JSONL file, made as they are read; those that are there already are left out.

    Raises:
        ProblemsError: the order makes no sense.
    """
    toolset, seen = checked(store, order), _seen(store, order)
    drafts = islice(_source(store, order, toolset).drafts, order.count)
    return (json.dumps(d.to_dict(), ensure_ascii=False) + "\n" for d in drafts if not seen.why_not(d))


def vectors(store: Store, toolset: str, tools: Sequence[str] = ()) -> Iterator[str]:
    """A JSON file of argument sets for each tool, ``[{"tool", "arguments"}]``, as PC-AI's test vectors are written."""
    found = get_toolset(store, toolset)
    return schema.write_vectors(iter(_calls(found, tools)))


def shipped_template(toolset: str) -> str:
    """The file of templates that ships with a toolset; empty when there is none."""
    known = {path.parent.name: path for path in SHIPPED_DATASETS.glob("*/templates.toml")}
    return known[toolset].read_text("utf-8") if toolset in known else ""


def _source(store: Store, order: Order, toolset: Toolset) -> _Source:
    if order.way == "teacher":
        raise WorkbenchError("A teacher is asked in a run of its own.", "Start that instead.")
    if order.way == "template":
        return _Source(_fitting(templates.fill(_template_file(order), toolset.name, order.seed), order))
    if order.way == "typos":
        return _Source(variants.variants(sources(store, order), order.changes, order.seed))
    found = schema.find_sets(toolset, order.tools, _values(store, order))
    open_ones = [f"{one.tool}.{name} = {value}" for one in found for name, value in one.uncovered]
    notes = (f"No valid arguments are known for {', '.join(open_ones[:5])}.",) if open_ones else ()
    return _Source(schema.scenarios(toolset, found, contexts(order.oses, order.modes, order.shells)), notes)


def _template_file(order: Order) -> templates.TemplateFile:
    """The file's templates that concern the order's contexts; it was checked before."""
    file, _ = read_templates(order.template, order.template_name)
    kept = tuple(
        one
        for one in file.contexts
        if (not order.oses or one.os in order.oses)
        and (not order.modes or one.mode in order.modes)
        and (not order.shells or one.shell in order.shells)
    )
    return replace(file, contexts=kept)


def _fitting(drafts: Iterator[Scenario], order: Order) -> Iterator[Scenario]:
    wanted = set(order.tools)
    return (
        d for d in drafts if not wanted or wanted & {call.name for call in d.outcome.calls} or d.outcome.label in wanted
    )


def sources(store: Store, order: Order) -> list[Scenario]:
    """What ``typos`` and paraphrases start from: approved scenarios of the split, none that was rewritten itself."""
    found = scenario_store.stream(store, ScenarioFilter(toolset=order.toolset, split=order.split, status="approved"))
    chosen = (
        s
        for s in found
        if (not order.oses or s.os in order.oses)
        and (not order.modes or s.mode in order.modes)
        and not s.source.startswith(tuple(f"generate:{change}:" for change in variants.CHANGES))
    )
    return [replace(s, split=split_of(s)) for s in _fitting(chosen, order)]


def _values(store: Store, order: Order) -> dict[str, dict[str, tuple[str, ...]]]:
    """A few values that approved train scenarios copy from their requests, by tool and argument."""
    filter = ScenarioFilter(toolset=order.toolset, split="train", status="approved")
    pool = ValuePool.of(scenario_store.stream(store, filter))
    found: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for (tool, argument), values in pool.values.items():
        found[tool][argument] = values[:VALUES_EACH]
    return found


def _calls(toolset: Toolset, tools: Sequence[str]) -> Iterator[ToolCall]:
    return schema.vectors(schema.find_sets(toolset, tools))


def _seen(store: Store, order: Order) -> Novelty:
    rows = scenario_store.places(store, order.toolset)
    return Seen((Entry(**row) for row in rows), near=False)


def _make(store: Store, order: Order) -> Batch:
    source, seen = _source(store, order, checked(store, order)), _seen(store, order)
    kept, left = [], []
    for draft in islice(source.drafts, order.count):
        if reason := seen.why_not(draft):
            left.append(Left(draft.request, reason))
        else:
            kept.append(draft)
    return Batch(tuple(kept), tuple(left), (*source.notes, *_shortage(order, len(kept) + len(left))))


def _shortage(order: Order, found: int) -> tuple[str, ...]:
    """What to say where there is less to be had than was asked for."""
    if found == 0:
        nothing = {"typos": f"There is no approved {order.split} scenario to start from, or nothing in it to change."}
        return (nothing.get(order.way, "Nothing fits these tools, systems and modes."),)
    return (f"There are {found:,} in all, not {order.count:,}.",) if found < order.count else ()


def _note(order: Order) -> str:
    name = f" {order.template_name}" if order.way == "template" and order.template_name else ""
    return f"{order.way}{name}, seed {order.seed}"
