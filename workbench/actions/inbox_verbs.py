"""The verbs of the inbox as doors to other programs speak them: plain JSON in and out; see ``actions.verbs``."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.actions import capture, curate, inbox, inbox_files
from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.inbox import Filter
from workbench.errors import WorkbenchError
from workbench.records import Outcome
from workbench.store import inbox as inbox_store
from workbench.store.capture import Capture
from workbench.store.database import Store

Json = dict[str, Any]


@dataclass(frozen=True)
class InboxVerbs:
    """On an open store. All raise WorkbenchError when something is wrong that a person can put right."""

    store: Store

    def list(self, filter: Mapping[str, str] | None = None, offset: int = 0, limit: int = 50) -> Json:
        """One page of recorded decisions, the most needed first. ``filter``: the fields of ``inbox.Filter``."""
        chosen = to_filter(filter or {})
        toolset = chosen.toolset or curate.default_toolset(self.store)
        found = inbox.entries(self.store, replace(chosen, toolset=toolset))
        page = [one.to_dict() for one in found[offset : offset + limit]]
        counts = inbox_store.counts(self.store, toolset)
        return {"toolset": toolset, "total": len(found), "offset": offset, "counts": counts, "entries": page}

    def show(self, completion: str) -> Json:
        """One decision, compared with the scenarios as they are now."""
        return inbox.entry(self.store, completion).to_dict()

    def accept(self, completion: str, near_held_out: bool = False, author: str = DEFAULT_AUTHOR) -> Json:
        """The model was right: a draft with its decision."""
        return inbox.accept(self.store, completion, author, near_held_out).to_dict()

    def correct(
        self, completion: str, expected: Any, near_held_out: bool = False, author: str = DEFAULT_AUTHOR
    ) -> Json:
        """The model was wrong: a draft with this outcome, as a scenario's ``expected``."""
        first = inbox.draft(self.store, completion)
        fixed = replace(first, outcome=Outcome.from_value(expected))
        return inbox.correct(self.store, completion, fixed, author, near_held_out).to_dict()

    def reject(self, completion: str, author: str = DEFAULT_AUTHOR) -> Json:
        """Nothing to learn from it."""
        return inbox.reject(self.store, completion, author).to_dict()

    def capture(self) -> Json:
        """What is recorded, and for how long."""
        return capture.get(self.store).to_dict()

    def set_capture(
        self,
        active: bool | None = None,
        share: float | None = None,
        keep_days: int | None = None,
        author: str = DEFAULT_AUTHOR,
    ) -> Json:
        """Change what is recorded; what is not given stays as it is."""
        before = capture.get(self.store)
        changed = Capture(
            before.active if active is None else active,
            before.share if share is None else share,
            before.keep_days if keep_days is None else keep_days,
        )
        return capture.save(self.store, changed, author).to_dict()

    def bring(self, path: Path, toolset: str = "", name: str = "") -> Json:
        """Take a log of decisions into the inbox: ``training_data.jsonl`` or ``outcomes.jsonl``."""
        found = inbox_files.bring_file(self.store, path, toolset)
        problems = [replace(problem, file=name or problem.file) for problem in found.problems]
        return replace(found, problems=tuple(problems)).to_dict()

    def export(self, form: str, toolset: str = "") -> Iterator[str]:
        """The lines of a log with every recorded decision."""
        return inbox_files.export(self.store, form, toolset)


@dataclass(frozen=True)
class RemoteInboxVerbs:
    """The same methods as ``InboxVerbs``, answered by the app."""

    ask: Callable[..., Json]
    lines: Callable[..., Iterator[str]]

    def list(self, filter: Mapping[str, str] | None = None, offset: int = 0, limit: int = 50) -> Json:
        return self.ask("GET", "/api/inbox", {**(filter or {}), "offset": offset, "limit": limit})

    def show(self, completion: str) -> Json:
        return self.ask("GET", _path(completion))

    def accept(self, completion: str, near_held_out: bool = False) -> Json:
        return self.ask("POST", _path(completion, "accept"), None, {"near_held_out": near_held_out})

    def correct(self, completion: str, expected: Any, near_held_out: bool = False) -> Json:
        body = {"expected": expected, "near_held_out": near_held_out}
        return self.ask("POST", _path(completion, "correct"), None, body)

    def reject(self, completion: str) -> Json:
        return self.ask("POST", _path(completion, "reject"))

    def capture(self) -> Json:
        return self.ask("GET", "/api/capture")

    def set_capture(self, active: bool | None = None, share: float | None = None, keep_days: int | None = None) -> Json:
        return self.ask("PUT", "/api/capture", None, {"active": active, "share": share, "keep_days": keep_days})

    def bring(self, path: Path, toolset: str = "", name: str = "") -> Json:
        try:
            with path.open("rb") as file:
                return self.ask("POST", "/api/inbox/import", {"name": name or path.name, "toolset": toolset}, file)
        except OSError as error:
            raise WorkbenchError(f"Cannot read {path}: {error.strerror}.", "Choose another file.") from error

    def export(self, form: str, toolset: str = "") -> Iterator[str]:
        return self.lines("/api/inbox/export", {"form": form, "toolset": toolset})


def to_filter(data: Mapping[str, str]) -> Filter:
    """A filter from its fields by name. Raises WorkbenchError for an unknown one."""
    known = Filter.__dataclass_fields__
    for name in data:
        if name not in known:
            raise WorkbenchError(f"'{name}' is not a filter.", f"Filters: {', '.join(known)}.")
    return Filter(**data)


def _path(completion: str, verb: str = "") -> str:
    return f"/api/inbox/{urllib.parse.quote(completion, safe='')}{f'/{verb}' if verb else ''}"
