"""The hand-written language material of the generator, read from ``lexicon/``."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "lexicon"


@dataclass(frozen=True)
class Lexicon:
    """Clusters of words that mean the same.

    Attributes:
        actions: ``names`` (for tool names), ``describe`` (declarations, ``{o}`` is the object), ``ask``, ``wish``
            (requests), ``about`` (near misses: same words, nothing to do).
        domains: ``objects`` (``names``, ``describe``, ``say``, ``trouble``), ``things``, ``asides``.
        params, enums, flags: arguments with ``names``, ``describe`` and ways to say them.
        typos: misspellings by word.
        archetypes: kinds of tools with whole sentences that ask for them (see ``archetypes.toml``).
        scaffolds: sentences around a request, by kind (see ``scaffolds.toml``).
        vocabulary: each word that the domains use, once.
    """

    actions: Sequence[Mapping[str, Any]]
    params: Sequence[Mapping[str, Any]]
    enums: Sequence[Mapping[str, Any]]
    flags: Sequence[Mapping[str, Any]]
    openers: Sequence[str]
    closers: Sequence[str]
    domains: Sequence[Mapping[str, Any]]
    chitchat: Sequence[str]
    typos: Mapping[str, Sequence[str]]
    archetypes: Sequence[Mapping[str, Any]]
    scaffolds: Mapping[str, Sequence[str]]
    vocabulary: Sequence[str]

    def part(self, share: float) -> Lexicon:
        """The same with the first part of the domains and actions; the words are few, so they are learnt sooner."""
        if share >= 1:
            return self
        domains = self.domains[: max(8, round(share * len(self.domains)))]
        return replace(self, domains=domains, actions=self.actions[: round(share * len(self.actions))])


@lru_cache(maxsize=1)
def load_lexicon() -> Lexicon:
    """The lexicon, read once."""
    parts: dict[str, Any] = {}
    for name in ("actions", "domains"):
        parts |= json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    choices = _read_toml("choices")
    parts["enums"] += choices["enum"]
    parts["flags"] += choices["flag"]
    said = json.dumps(parts["domains"]) + json.dumps(parts["chitchat"])
    return Lexicon(
        **parts,
        archetypes=_read_toml("archetypes")["archetype"],
        scaffolds=_read_toml("scaffolds"),
        vocabulary=sorted(set(re.findall(r"[a-z]{2,}", said))),
    )


def _read_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
