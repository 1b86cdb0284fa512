"""Whether an artefact answers as the model that was measured, scenario by scenario. Pure; knows no model, no file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from workbench.records import Reply, Scenario, Toolset, canonical_json
from workbench.scenarios.scoring import score

FlipKind = Literal["call/NO_TOOL", "malformed", "tool", "arguments"]
FLIP_KINDS: tuple[FlipKind, ...] = get_args(FlipKind)
"""The worst first: that order they are listed in."""


@dataclass(frozen=True)
class Flip:
    """A scenario that the artefact answers otherwise.

    Attributes:
        before, after: what the trained model and the artefact wrote.
        was_right, is_right: whether these are exact calls.
    """

    scenario: Scenario
    kind: FlipKind
    before: Reply
    after: Reply
    was_right: bool
    is_right: bool

    def to_dict(self) -> dict[str, Any]:
        return {
            "scenario_id": self.scenario.id,
            "request": self.scenario.request,
            "kind": self.kind,
            "before": self.before.parsed.label,
            "after": self.after.parsed.label,
            "raw_before": self.before.raw,
            "raw_after": self.after.raw,
            "was_right": self.was_right,
            "is_right": self.is_right,
        }


@dataclass(frozen=True)
class Parity:
    """The outcome of the check; ``limit`` is the part of flips, 0 to 1, up to which the artefact matches."""

    n: int
    limit: float
    flips: tuple[Flip, ...]

    @property
    def share(self) -> float:
        return len(self.flips) / self.n if self.n else 0.0

    @property
    def matches(self) -> bool:
        return self.share <= self.limit

    def to_dict(self) -> dict[str, Any]:
        """Without the flips themselves, which may be many."""
        return {
            "n": self.n,
            "limit": self.limit,
            "flips": len(self.flips),
            "share": self.share,
            "matches": self.matches,
            "kinds": {kind: sum(flip.kind == kind for flip in self.flips) for kind in FLIP_KINDS},
            "broken": sum(flip.was_right and not flip.is_right for flip in self.flips),
            "fixed": sum(flip.is_right and not flip.was_right for flip in self.flips),
        }


def compare(
    scenarios: Sequence[Scenario], before: Sequence[Reply], after: Sequence[Reply], toolset: Toolset, limit: float
) -> Parity:
    """Pair replies by scenario. Raises KeyError when one has no reply."""
    old, new = ({reply.scenario_id: reply for reply in replies} for replies in (before, after))
    found = []
    for scenario in scenarios:
        first, second = old[scenario.id], new[scenario.id]
        if kind := flip_kind(first, second):
            right = [score(scenario.id, scenario.outcome, one.parsed, toolset).exact for one in (first, second)]
            found.append(Flip(scenario, kind, first, second, right[0], right[1]))
    return Parity(len(scenarios), limit, tuple(sorted(found, key=lambda flip: FLIP_KINDS.index(flip.kind))))


def flip_kind(before: Reply, after: Reply) -> FlipKind | None:
    """How two replies differ in what a caller would do; None when they do not. Two texts both call nothing."""
    one, other = before.parsed, after.parsed
    if one.kind != other.kind:
        return "malformed" if "malformed" in (one.kind, other.kind) else "call/NO_TOOL"
    if one.label != other.label:
        return "tool"
    same = canonical_json([call.to_dict() for call in one.calls]) == canonical_json(
        [call.to_dict() for call in other.calls]
    )
    return None if same else "arguments"
