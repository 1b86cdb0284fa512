"""Duplicates: clusters side by side, with what differs marked; what is like a request that is being written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from workbench.actions.duplicates import DELIBERATE, Findings
from workbench.records import Scenario, Toolset
from workbench.scenarios.dedupe import Cluster
from workbench.ui import forms
from workbench.ui.views.base import TONES, ago, outcome_text, pairs, render

CLUSTERS = 10
"""Clusters on a page."""
MEMBERS = 20
"""Members of a cluster that are shown; what is done is done to these."""
_KINDS = {
    "": "All",
    "conflicts": "Conflicts",
    "leaks": "Leaks",
    "exact": "Same words",
    "near": "Nearly the same",
    "meaning": "Same meaning",
    DELIBERATE: "Deliberate",
}
_BADGES = {
    "conflicts": ("bad", "conflict", "The same question in the same context, with different outcomes"),
    "leaks": ("warn", "leak", "Held out and trained on at once"),
    "exact": ("", "same words", "The same words"),
    "near": ("", "nearly the same", "A few letters or the order of words differ"),
    "meaning": ("accent", "same meaning", "An encoder holds them for the same; they expect the same calls"),
}
_EMPTY = {
    "": ("No duplicates", "No two scenarios say the same, and nothing that is held out is trained on."),
    DELIBERATE: ("No deliberate variants", "Clusters that you mark as deliberate are kept here."),
    "meaning": ("Nothing of equal meaning", "An encoder finds paraphrases: see 'Compare meaning, too' below."),
}
_PIECE = re.compile(r"\w+|\s+|[^\w\s]")
Shown = tuple[Cluster, Sequence[Scenario], str]


def duplicates(
    found: Findings, toolsets: Sequence[Toolset], shown: Sequence[Shown], kind: str, page: int, pages: int
) -> str:
    """``shown``: clusters of this page, each with its members and the id of the one that stays by default."""
    title, what = _EMPTY.get(kind, ("None of this kind", "Choose another kind above."))
    return render(
        "duplicates.html",
        toolsets=pairs([one.name for one in toolsets]),
        toolset=found.toolset,
        summary=_summary(found),
        meaning=f"Words and meaning ({found.encoder}) were compared."
        if found.encoder
        else "Words were compared, not meaning: no encoder was used.",
        kinds=[(name, label, f"{found.counts[name]:,}") for name, label in _KINDS.items()],
        kind=kind,
        clusters=[_cluster(found, *one) for one in shown],
        empty=(title, what),
        moves=[move for move in found.moves if move.settled],
        placed=sum(not move.settled for move in found.moves),
        encoder=found.encoder,
        page=page,
        pages=pages,
        query=forms.address(
            toolset=found.toolset if len(toolsets) > 1 else "", kind=kind, page=0 if page == 1 else page
        ),
    )


def similar(found: Sequence[tuple[Scenario, float]]) -> str:
    """What is like the request in the editor."""
    rows = [
        {
            "id": scenario.id,
            "request": scenario.request,
            "call": outcome_text(scenario.outcome),
            "where": " · ".join(part for part in (scenario.os, scenario.shell, scenario.mode) if part),
            "percent": round(100 * score),
        }
        for scenario, score in found
    ]
    return render("similar.html", rows=rows)


def marked(text: str, other: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it differs from the other text."""
    ours, theirs = _PIECE.findall(text), _PIECE.findall(other)
    matcher = difflib.SequenceMatcher(
        None, [piece.lower() for piece in theirs], [piece.lower() for piece in ours], False
    )
    blocks = [("".join(ours[j1:j2]), tag != "equal") for tag, _, _, j1, j2 in matcher.get_opcodes()]
    return [(piece, differs) for piece, differs in blocks if piece]


def _summary(found: Findings) -> str:
    if found.check is None:
        return "Comparing the scenarios for the first time…"
    share = f"{100 * found.found.duplicate_ratio:.1f} %"
    return f"{found.found.total:,} scenarios compared {ago(found.check.at)}; {share} of them say what another one says."


def _cluster(found: Findings, cluster: Cluster, members: Sequence[Scenario], best: str) -> dict[str, Any]:
    splits = {entry.id: entry.split for entry in cluster.members}
    base = next(one for one in members if one.id == best)
    return {
        "id": cluster.id,
        "n": len(cluster.members),
        "more": len(cluster.members) - len(members),
        "badges": [_BADGES[kind] for kind in cluster.kinds],
        "deliberate": cluster.id in found.deliberate,
        "members": [_member(one, base, splits[one.id]) for one in members],
    }


def _member(scenario: Scenario, base: Scenario, split: str) -> dict[str, Any]:
    context = [("OS", scenario.os, base.os), ("shell", scenario.shell, base.shell), ("mode", scenario.mode, base.mode)]
    return {
        "id": scenario.id,
        "best": scenario is base,
        "request": marked(scenario.request, base.request),
        "call": marked(outcome_text(scenario.outcome), outcome_text(base.outcome)),
        "context": [(value or f"any {name}", value != other) for name, value, other in context if value or other],
        "turns": len(scenario.history),
        "tags": scenario.tags,
        "split": split,
        "pinned": scenario.split is not None,
        "status": scenario.status,
        "tone": TONES[scenario.status],
    }
