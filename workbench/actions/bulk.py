"""Changing many scenarios at once, as one change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from workbench.actions.curate import DEFAULT_AUTHOR, get
from workbench.actions.curate import toolset as get_toolset
from workbench.errors import Problem, WorkbenchError
from workbench.records import SPLITS, STATUSES, Scenario
from workbench.scenarios.validate import KNOWN_OS, check_scenario
from workbench.store import scenarios as scenario_store
from workbench.store.database import Store
from workbench.store.scenarios import UNSET, ScenarioFilter

AUTOMATIC = "automatic"
"""As a split: unpinned, so that the stable hash decides."""


@dataclass(frozen=True)
class BulkEdit:
    """What to set; an empty field stays as it is.

    Attributes:
        os, shell, mode: a value, or ``-`` for none.
        split: a split to pin, or ``automatic``.
        add_tags, remove_tags: tags to add at the end and to take away.
    """

    status: str = ""
    os: str = ""
    shell: str = ""
    mode: str = ""
    split: str = ""
    toolset: str = ""
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Any) -> BulkEdit:
        """Raises WorkbenchError for a field that does not exist or a value of the wrong kind."""
        known = [field.name for field in fields(cls)]
        if not isinstance(data, Mapping) or not data.keys() <= set(known):
            raise WorkbenchError("A bulk edit is an object of fields to set.", f"Fields: {', '.join(known)}.")
        for name, value in data.items():
            words = isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value)
            if not (words if name.endswith("_tags") else isinstance(value, str)):
                raise WorkbenchError(f"{name}: must be {'a list of texts' if name.endswith('_tags') else 'text'}.")
        given: dict[str, Any] = {k: tuple(value) if k.endswith("_tags") else value for k, value in data.items()}
        return cls(**given)

    @property
    def text(self) -> str:
        """What it sets, for the history: ``status approved, tags +night``."""
        parts = [f"{name} {getattr(self, name)}" for name in ("status", "os", "shell", "mode", "split", "toolset")]
        parts = [part for part in parts if not part.endswith(" ")]
        parts += [f"tag +{tag}" for tag in self.add_tags] + [f"tag -{tag}" for tag in self.remove_tags]
        return ", ".join(parts)


@dataclass(frozen=True)
class BulkReport:
    """What became of a bulk edit.

    Attributes:
        change: id of the change; 0 when nothing differed.
        changed: scenarios with a new revision; ``same`` were so already.
        left: scenarios left as they were, each with why: approved, they would break a rule.
    """

    change: int
    changed: int
    same: int
    left: Mapping[str, tuple[Problem, ...]]

    def to_dict(self) -> dict[str, Any]:
        left = [{"id": id, "problems": [problem.to_dict() for problem in found]} for id, found in self.left.items()]
        return {"change": self.change, "changed": self.changed, "same": self.same, "left": left}


def edit_filtered(store: Store, filter: ScenarioFilter, edit: BulkEdit, author: str = DEFAULT_AUTHOR) -> BulkReport:
    """Edit every scenario that the filter lets through; see ``edit_scenarios``."""
    return _edit(store, list(scenario_store.stream(store, filter)), edit, author)


def edit_scenarios(store: Store, ids: Sequence[str], edit: BulkEdit, author: str = DEFAULT_AUTHOR) -> BulkReport:
    """Edit scenarios as one change. Those that would be approved against a rule stay as they are and are reported.

    Raises:
        WorkbenchError: an unknown id, nothing to set, or a value that is none.
    """
    return _edit(store, [get(store, id) for id in dict.fromkeys(ids)], edit, author)


def _edit(store: Store, scenarios: Sequence[Scenario], edit: BulkEdit, author: str) -> BulkReport:
    _check(edit)
    toolsets = {name: get_toolset(store, name) for name in {edit.toolset or one.toolset for one in scenarios}}
    fresh, left = [], {}
    for scenario in scenarios:
        edited = _applied(scenario, edit)
        problems = check_scenario(edited, toolsets[edited.toolset]) if edited.status == "approved" else []
        if edited == scenario:
            continue
        if problems:
            left[scenario.id] = tuple(problems)
        else:
            fresh.append(edited)
    change = scenario_store.save(store, fresh, "bulk edit", author, edit.text)
    return BulkReport(change, len(fresh), len(scenarios) - len(fresh) - len(left), left)


def _check(edit: BulkEdit) -> None:
    if edit == BulkEdit():
        raise WorkbenchError("There is nothing to set.", "Choose at least one field.")
    choices: Iterable[tuple[str, Sequence[str]]] = (
        ("status", STATUSES),
        ("split", (*SPLITS, AUTOMATIC)),
        ("os", (*KNOWN_OS, UNSET)),
    )
    for name, allowed in choices:
        if (value := getattr(edit, name)) and value not in allowed:
            raise WorkbenchError(f"'{value}' is no {name}.", f"Choose one of {', '.join(allowed)}.")


_TAKEN: Mapping[str, Callable[[str], Any]] = {
    "os": lambda value: "" if value == UNSET else value,
    "shell": lambda value: "" if value == UNSET else value,
    "mode": lambda value: "" if value == UNSET else value,
    "split": lambda value: None if value == AUTOMATIC else value,
    "status": str,
    "toolset": str,
}


def _applied(scenario: Scenario, edit: BulkEdit) -> Scenario:
    given = {name: take(getattr(edit, name)) for name, take in _TAKEN.items() if getattr(edit, name)}
    tags = [tag for tag in dict.fromkeys([*scenario.tags, *edit.add_tags]) if tag not in edit.remove_tags]
    return replace(scenario, **given, tags=tuple(tags))
