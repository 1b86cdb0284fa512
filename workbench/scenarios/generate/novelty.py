"""Is a draft new beside what is there? Exact, then by rapidfuzz among scenarios with the same outcome.

Small on purpose: whatever answers ``why_not`` may stand in its place.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from rapidfuzz import fuzz, process

from workbench.records import Scenario, Split
from workbench.scenarios.splitting import normalise, split_of

NEAR = 92.0
"""Likeness (rapidfuzz's ratio, 0 to 100) from which two requests with the same tools count as one."""


class Novelty(Protocol):
    """Says why a draft is not new."""

    def why_not(self, draft: Scenario) -> str: ...


@dataclass(frozen=True)
class Entry:
    """What has to be known of a scenario that is there."""

    id: str
    request: str
    label: str
    os: str
    shell: str
    mode: str
    split: Split

    @classmethod
    def of(cls, scenario: Scenario) -> Entry:
        place = (scenario.os, scenario.shell, scenario.mode)
        return cls(scenario.id, scenario.request, scenario.outcome.label, *place, split_of(scenario))


class Seen:
    """What is there, and each draft that was let in; a draft is asked about once.

    Args:
        near: whether alike requests count as the same, too. A request that is alike to one of the test split always
            does unless it goes there itself: it would let a router train on what it is tested with.
    """

    def __init__(self, entries: Iterable[Entry], near: bool) -> None:
        self.near = near
        self._ids: set[str] = set()
        self._places: set[tuple[str, str, str, str]] = set()
        self._splits: dict[str, tuple[str, Split]] = {}
        self._alike: dict[tuple[str, bool], dict[str, str]] = defaultdict(dict)
        for entry in entries:
            self._add(entry)

    def why_not(self, draft: Scenario) -> str:
        """The reason to leave the draft out; empty when it is new, and then it counts as being there."""
        entry = Entry.of(draft)
        reason = self._reason(entry)
        if not reason:
            self._add(entry)
        return reason

    def _reason(self, entry: Entry) -> str:
        if entry.id in self._ids:
            return "is there already"
        if _place(entry) in self._places:
            return "the same request is there already for the same system and mode"
        same = self._splits.get(normalise(entry.request))
        if same and "test" in (same[1], entry.split) and same[1] != entry.split:
            return f"{same[0]} has the same request and is in the {same[1]} split"
        found = self._nearest(entry)
        return f"too much like {found[0]} ({found[1]:.0f} % the same)" if found else ""

    def _nearest(self, entry: Entry) -> tuple[str, float] | None:
        text = _plain(entry.request)
        # Where likeness is meant, as among the sentences of a template, only the border of the test split is watched.
        for is_test in (True, False) if self.near else (entry.split != "test",):
            best = process.extractOne(text, self._alike[entry.label, is_test], scorer=fuzz.ratio, score_cutoff=NEAR)
            if best:
                return str(best[2]), float(best[1])
        return None

    def _add(self, entry: Entry) -> None:
        self._ids.add(entry.id)
        self._places.add(_place(entry))
        self._splits.setdefault(normalise(entry.request), (entry.id, entry.split))
        self._alike[entry.label, entry.split == "test"][entry.id] = _plain(entry.request)


def _place(entry: Entry) -> tuple[str, str, str, str]:
    return re.sub(r"\s+", " ", entry.request).strip(), entry.os, entry.shell, entry.mode


def _plain(request: str) -> str:
    return re.sub(r"[\W_]+", " ", request.lower()).strip()
