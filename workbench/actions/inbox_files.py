"""Recorded decisions as files and back, in OpenHoof's forms; see ``scenarios.observed``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.actions import curate
from workbench.actions.decisions import decided
from workbench.errors import Problem, WorkbenchError
from workbench.records import RecordError, Toolset
from workbench.scenarios.observed import FORMS, Form, Observed, read_line, write
from workbench.scenarios.redaction import redact
from workbench.scenarios.validate import check_call
from workbench.store import inbox as inbox_store
from workbench.store import scenarios as scenario_store
from workbench.store import traffic
from workbench.store.database import Store, now
from workbench.store.inbox import Recorded

MOST_LINE = 1 << 20
IMPORTED = "imported"
"""The model of decisions whose file names none."""


@dataclass(frozen=True)
class Brought:
    """What an import brought: new decisions, those that were there already, and lines that could not be read."""

    new: int
    known: int
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        return {"new": self.new, "known": self.known, "problems": [problem.to_dict() for problem in self.problems]}


def bring(store: Store, lines: Iterable[bytes], file: str, toolset: str = "") -> Brought:
    """Take logged decisions into the inbox, redacted first. A line that was taken before is not taken again.

    Args:
        toolset: whose tools the router had.

    Raises:
        WorkbenchError: there is no such toolset.
    """
    declared = curate.toolset(store, toolset or curate.default_toolset(store))
    problems: list[Problem] = []
    counts = {True: 0, False: 0}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            counts[_take(store, _read(line), declared)] += 1
        except RecordError as error:
            problems.append(Problem(error.reason, error.path, number, file, error.hint))
    return Brought(counts[True], counts[False], tuple(problems))


def bring_file(store: Store, path: Path, toolset: str = "") -> Brought:
    """``bring`` for a file. Raises WorkbenchError when it cannot be read."""
    try:
        with path.open("rb") as lines:
            return bring(store, lines, path.name, toolset)
    except OSError as error:
        raise WorkbenchError(f"Cannot read {path}: {error.strerror}.", "Choose another file.") from error


def export(store: Store, form: str, toolset: str = "") -> Iterator[str]:
    """The lines of a file with every recorded decision; ``outcomes`` has those of which something was said.

    Raises:
        WorkbenchError: there is no such form or toolset.
    """
    for known in FORMS:
        if known == form:
            declared = curate.toolset(store, toolset or curate.default_toolset(store))
            return write(known, (_observed(store, row, declared, known) for row in _rows(store, declared)))
    raise WorkbenchError(f"There is no form '{form}'.", f"Choose one of {', '.join(FORMS)}.")


def _rows(store: Store, toolset: Toolset) -> Iterable[Recorded]:
    return (row for row in inbox_store.stream(store, toolset.name) if decided(row).request.strip())


def _observed(store: Store, row: Recorded, toolset: Toolset, form: Form) -> Observed:
    said = decided(row)
    verdict = row.feedback[-1] if row.feedback else {}
    judged = {"accepted": True, "corrected": False}.get(row.state)
    useful = verdict["verdict"] == "good" if verdict else judged
    known = [tool for tool in toolset.tools if not said.tools or tool.name in said.tools]
    return Observed(
        request=said.request,
        calls=said.calls,
        raw=said.raw,
        at=row.at,
        model=row.model,
        latency_ms=row.latency_ms,
        readable=not said.reason,
        useful=useful,
        needed=_needed(store, row, verdict.get("expected")) if form == "outcomes" else "",
        tools=tuple((tool.name, tool.description) for tool in known),
        context=tuple((key, getattr(said, key)) for key in ("os", "shell", "mode") if getattr(said, key)),
    )


def _needed(store: Store, row: Recorded, expected: Any) -> str:
    """The tool that should have been called, as the feedback says, or the draft that corrects the decision."""
    if isinstance(expected, str):
        return expected
    if isinstance(expected, list) and expected and isinstance(expected[0], dict):
        return str(expected[0].get("name", ""))
    scenario = scenario_store.get(store, row.scenario) if row.scenario and row.state == "corrected" else None
    return scenario.outcome.label if scenario else ""


def _read(line: bytes) -> Observed:
    if len(line) > MOST_LINE:
        raise RecordError("", f"is longer than {MOST_LINE >> 20} MB")
    try:
        return read_line(json.loads(line))
    except (ValueError, RecursionError) as error:
        raise RecordError("", "is not JSON") from error


def _take(store: Store, one: Observed, toolset: Toolset) -> bool:
    """Record one decision with what was said of it; False where it is recorded already."""
    plain = redact({"request": one.request, "raw": one.raw, "calls": [call.to_dict() for call in one.calls]})
    key = json.dumps([plain, one.at, one.model, one.useful, one.needed], sort_keys=True)
    completion = f"log-{hashlib.sha256(key.encode()).hexdigest()[:24]}"
    if traffic.recorded(store, [completion]):
        return False
    reply = {
        "calls": plain["calls"],
        "text": "",
        "raw": plain["raw"],
        "confidence": None,
        "latency_ms": one.latency_ms,
        "malformed": "" if one.readable else "the router could not read it",
        "problems": [p.to_dict() for i, call in enumerate(one.calls) for p in check_call(call, toolset, f"calls[{i}]")],
    }
    body: dict[str, Any] = {"messages": [{"role": "user", "content": plain["request"]}]}
    if one.context:
        body["context"] = dict(one.context)
    traffic.record(store, completion, one.model or IMPORTED, toolset.name, body, [reply], _moment(one.at))
    if one.useful is not None:
        said = {"comment": "", "expected": one.needed or None}
        traffic.give_feedback(store, completion, "good" if one.useful else "bad", said)
    return True


def _moment(text: str) -> str:
    """A time as it is stored; now where there is none. Raises RecordError."""
    if not text:
        return now()
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RecordError("timestamp", "is no time in ISO 8601") from error
    # Without a zone it is the time of this computer, as OpenHoof writes it.
    return found.astimezone(UTC).isoformat(timespec="milliseconds")
