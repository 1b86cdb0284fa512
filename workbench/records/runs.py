"""Runs, and what they work with: snapshots of scenarios, and models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from workbench.records.reading import canonical_json
from workbench.records.scenarios import Scenario, Split
from workbench.records.tools import Toolset

RunKind = Literal["train", "evaluate", "generate", "export"]
RunState = Literal["queued", "running", "stopping", "done", "stopped", "failed"]
ModelKind = Literal["weights", "gguf", "endpoint", "nearest"]

RUN_STATES: tuple[RunState, ...] = get_args(RunState)
FINISHED_STATES: tuple[RunState, ...] = ("done", "stopped", "failed")


@dataclass(frozen=True)
class SnapshotRow:
    """One scenario revision in a snapshot, with the split it fell on."""

    scenario: Scenario
    revision: int
    split: Split


@dataclass(frozen=True)
class Snapshot:
    """An immutable, hashed list of scenario revisions with splits, together with the toolset they were approved for."""

    toolset: Toolset
    rows: tuple[SnapshotRow, ...]

    @cached_property
    def hash(self) -> str:
        """SHA-256 over toolset and rows, first 16 hex digits; equal content has an equal hash."""
        digest = hashlib.sha256(canonical_json(self.toolset.to_dict()).encode())
        for row in self.rows:
            digest.update(canonical_json([row.scenario.to_dict(), row.split]).encode())
        return digest.hexdigest()[:16]

    def split(self, split: Split) -> tuple[Scenario, ...]:
        return tuple(row.scenario for row in self.rows if row.split == split)


@dataclass(frozen=True)
class Run:
    """One job with its own folder ``runs/<id>/``.

    Attributes:
        config: what the worker was given (see ``jobs``); immutable.
        created_at, started_at, ended_at: ISO 8601 in UTC; empty until it happened.
        summary: figures of a finished run.
        message: why it failed, or what it is doing.
        tags: free words to find it by.
        position: place among the queued runs; the smallest is next.
        deleted_at: when it went to the trash; empty while it is not there.
    """

    id: str
    kind: RunKind
    state: RunState
    snapshot: str
    model: str
    config: Mapping[str, Any]
    created_at: str
    started_at: str = ""
    ended_at: str = ""
    name: str = ""
    message: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    position: int = 0
    deleted_at: str = ""

    @property
    def finished(self) -> bool:
        return self.state in FINISHED_STATES

    @property
    def resumable(self) -> bool:
        """Whether its worker could go on where it was. A generation is gone on with in a new run."""
        return self.state in ("stopped", "failed") and self.kind != "generate" and not self.deleted_at


@dataclass(frozen=True)
class Model:
    """Anything that answers.

    Attributes:
        id: ``starter``, a hub id or local directory, ``run:<train run id>`` for base + adapter, a ``.gguf`` file,
            ``endpoint:<name>`` or ``nearest``; with ``+int8`` and ``+k<shots>`` behind it where it is such a variant.
        base: directory or hub id of the weights, path of the GGUF file, or address of the endpoint.
        adapter: folder of LoRA weights, or empty.
        dialect: the wire format it was taught, when a person chose it; ``auto`` lets its tokenizer decide.
        kind: ``weights`` run in torch; ``gguf`` in llama.cpp; ``nearest`` copies from the nearest scenario.
        int8: its weights are rounded to eight bits before it answers.
        shots: how many retrieved examples stand in each prompt.
    """

    id: str
    label: str
    base: str
    adapter: str = ""
    dialect: str = "auto"
    kind: ModelKind = "weights"
    int8: bool = False
    shots: int = 0

    @property
    def needs_examples(self) -> bool:
        """Whether it answers with the training scenarios at hand."""
        return self.shots > 0 or self.kind == "nearest"
