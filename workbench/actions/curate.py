"""Finding, writing, judging and undoing scenarios."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from workbench.errors import Problem, WorkbenchError
from workbench.records import STATUSES, RecordError, Scenario, Split, Status, Toolset
from workbench.scenarios.splitting import normalise, split_of
from workbench.scenarios.validate import check_scenario
from workbench.store import changes as change_store
from workbench.store import scenarios as scenario_store
from workbench.store import toolsets as toolset_store
from workbench.store.changes import Change
from workbench.store.database import Store
from workbench.store.scenarios import Revision, ScenarioFilter

MAX_PAGE = 1_000
DEFAULT_AUTHOR = "local"
SHIPPED_TOOLSET = "desktop"
SHIPPED_CHANGE = "shipped"
VARIANT = "variant:"
"""Source of a scenario that was written as a variant of another: that one's id follows."""


class ProblemsError(WorkbenchError):
    """Input that breaks rules, with one Problem a rule; ``problems[i].field`` says where."""

    def __init__(self, message: str, problems: Sequence[Problem], hint: str = "") -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)


def new_id() -> str:
    """An id for a new scenario."""
    return f"s-{uuid.uuid4().hex[:12]}"


def find(store: Store, filter: ScenarioFilter, offset: int = 0, limit: int = 50) -> list[Scenario]:
    """One page of the scenarios that the filter lets through, the newest change first. At most 1,000 a page."""
    if offset < 0 or not 0 <= limit <= MAX_PAGE:
        raise WorkbenchError(
            f"A page cannot start at {offset} and hold {limit} scenarios.",
            f"Start at 0 or later and ask for at most {MAX_PAGE} at a time.",
        )
    return scenario_store.find(store, filter, offset, limit)


def count(store: Store, filter: ScenarioFilter) -> int:
    """How many scenarios the filter lets through."""
    return scenario_store.count(store, filter)


def get(store: Store, scenario_id: str) -> Scenario:
    """The scenario of that id. Raises WorkbenchError when there is none."""
    scenario = scenario_store.get(store, scenario_id)
    if scenario is None:
        raise WorkbenchError(f"There is no scenario '{scenario_id}'.", "It may have been deleted; undo brings it back.")
    return scenario


def variant(store: Store, scenario_id: str, id: str) -> Scenario:
    """A draft for the train split that asks for the same in other words: all of the scenario but its request.

    Raises:
        WorkbenchError: there is no such scenario.
    """
    like = get(store, scenario_id)
    source = f"{VARIANT}{scenario_id}"
    return replace(like, id=id, request="", status="draft", split="train", source=source, reasoning="")


def splits(store: Store, ids: Sequence[str]) -> dict[str, Split]:
    """The split that each of the scenarios is on: pinned, or its cluster's, or its hash's."""
    return scenario_store.splits(store, ids)


def history(store: Store, scenario_id: str) -> list[Revision]:
    """All revisions of a scenario, deletions included."""
    return scenario_store.history(store, scenario_id)


def problems_of(store: Store, scenario: Scenario) -> list[Problem]:
    """What is wrong with a scenario, by field; empty when it may be approved."""
    toolset = toolset_store.get_toolset(store, scenario.toolset)
    if toolset is None:
        return [unknown_toolset(store, scenario.toolset)]
    return check_scenario(scenario, toolset)


def save_scenario(store: Store, scenario: Scenario, author: str = DEFAULT_AUTHOR) -> int:
    """Save a new scenario or a new revision of an existing one; returns the id of the change, 0 when nothing differs.

    Raises:
        ProblemsError: an approved scenario breaks a rule (a draft may), or its toolset does not exist.
    """
    return _save(store, [scenario], "edit", author)


def set_status(store: Store, ids: Sequence[str], status: Status, author: str = DEFAULT_AUTHOR) -> int:
    """Give scenarios a status, as one change; returns its id.

    Raises:
        ProblemsError: one of them is to be approved and breaks a rule; then none is changed.
    """
    if status not in STATUSES:
        raise WorkbenchError(f"'{status}' is not a status.", f"Choose one of {', '.join(STATUSES)}.")
    return _save(store, [replace(get(store, id_), status=status) for id_ in ids], "status", author)


def delete(store: Store, ids: Sequence[str], author: str = DEFAULT_AUTHOR) -> int:
    """Delete scenarios, as one change that can be undone; returns its id."""
    for id_ in ids:
        get(store, id_)
    return scenario_store.delete(store, ids, author)


def undoable(store: Store) -> Change | None:
    """The change that ``undo`` would take back: the newest that is not undone; the shipped content stays."""
    change = change_store.next_undo(store)
    return None if change is None or change.kind == SHIPPED_CHANGE else change


def redoable(store: Store) -> Change | None:
    """The change that ``redo`` would bring back: the one undone last, unless something was changed since."""
    return change_store.next_redo(store)


def undo(store: Store, author: str = DEFAULT_AUTHOR, change_id: int = 0, rest: bool = False) -> Change:
    """Take back the newest change that is not yet undone, or the one named; returns it.

    Args:
        rest: leave scenarios alone that were changed again later, instead of refusing.

    Raises:
        WorkbenchError: there is none, it is undone already, or later changes touched its scenarios.
    """
    wanted = change_store.get_change(store, change_id) if change_id else undoable(store)
    if change_id and wanted and wanted.kind == SHIPPED_CHANGE:
        raise WorkbenchError("The shipped content stays.", "Delete the scenarios that you do not want.")
    change = change_store.undo(store, author, change_id, rest) if wanted or change_id else None
    if change is None:
        raise WorkbenchError("There is nothing to undo.", "Every change of this workspace has been taken back.")
    return change


def redo(store: Store, author: str = DEFAULT_AUTHOR, change_id: int = 0, rest: bool = False) -> Change:
    """Bring back the change that was undone last, or the one named; returns it. Errors as those of ``undo``."""
    change = change_store.redo(store, author, change_id, rest)
    if change is None:
        raise WorkbenchError("There is nothing to redo.", "Redo follows an undo, until something else is changed.")
    return change


def toolset(store: Store, name: str) -> Toolset:
    """The newest version of a toolset. Raises WorkbenchError when there is none of that name."""
    found = toolset_store.get_toolset(store, name)
    if found is None:
        problem = unknown_toolset(store, name)
        raise WorkbenchError(problem.message, problem.hint)
    return found


def toolsets(store: Store) -> list[Toolset]:
    """The newest version of every toolset."""
    return toolset_store.list_toolsets(store)


def default_toolset(store: Store) -> str:
    """The toolset that is meant when none is named: the only one, or the shipped one among several."""
    names = [known.name for known in toolsets(store)]
    if len(names) == 1:
        return names[0]
    if SHIPPED_TOOLSET in names:
        return SHIPPED_TOOLSET
    raise WorkbenchError("It is not clear which toolset is meant.", f"Name one of: {', '.join(names) or 'none yet'}.")


def unknown_toolset(store: Store, name: str) -> Problem:
    """What to say about a toolset that is not there."""
    known = ", ".join(known.name for known in toolsets(store)) or "none yet"
    hint = f"Known toolsets: {known}. Import its tools first."
    return Problem(f"There is no toolset '{name}'.", "toolset", hint=hint)


def refuse_problems(store: Store, scenario: Scenario) -> None:
    """Raises ProblemsError when a scenario may not be saved as it is; a draft may break the rules of its tools."""
    problems = problems_of(store, scenario)
    if scenario.status != "approved" and not (problems and problems[0].field == "toolset"):
        problems = _unreadable(scenario)
    problems = [*problems, *_copied(store, scenario)]
    if problems:
        reason = "; ".join(str(problem) for problem in problems[:3])
        hint = "Mend the marked fields, or save it as a draft." if scenario.status == "approved" else ""
        raise ProblemsError(f"The scenario '{scenario.id}' cannot be saved: {reason}.", problems, hint)


def _save(store: Store, scenarios: Sequence[Scenario], kind: str, author: str) -> int:
    for scenario in scenarios:
        refuse_problems(store, scenario)
    return scenario_store.save(store, scenarios, kind, author)


def _unreadable(scenario: Scenario) -> list[Problem]:
    """What keeps a scenario from being read back, such as an empty request: then it cannot even be a draft."""
    try:
        Scenario.from_dict(scenario.to_dict())
    except RecordError as error:
        return [Problem(error.reason, error.path, hint=error.hint)]
    return []


def _copied(store: Store, scenario: Scenario) -> list[Problem]:
    """A variant that says the very words of its model must not be trained on when that one tests or validates."""
    if not scenario.source.startswith(VARIANT) or split_of(scenario) != "train":
        return []
    like = scenario_store.get(store, scenario.source.removeprefix(VARIANT))
    if like is None or split_of(like) == "train" or normalise(like.request) != normalise(scenario.request):
        return []
    message = f"these are the words of a {split_of(like)} scenario, which a model must not be trained on"
    return [Problem(message, "request", hint="Say it in other words.")]
