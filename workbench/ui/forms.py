"""What a browser sends, as records; where one is on a page, as an address. Pure: knows no widget and no store.

A form and an address's query have one shape, ``Fields``: each name with all its values. Reading a form never fails:
a value that does not fit its schema stays as it was typed, so that the checks of ``scenarios.validate`` can say what is
wrong with it at its field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from workbench.actions.bulk import BulkEdit
from workbench.actions.import_files import CONFLICTS
from workbench.actions.intake import Wishes
from workbench.store.capture import Capture
from workbench.store.scenarios import ScenarioFilter

Fields = Mapping[str, Sequence[str]]
FILTER_NAMES = ("toolset", "text", "tool", "os", "mode", "split", "status", "tag", "shell")
NEW = "new"


def one(fields: Fields, name: str, default: str = "") -> str:
    """The last value of that name."""
    values = fields.get(name) or (default,)
    return values[-1]


def whole(fields: Fields, name: str, default: int = 0) -> int:
    """A whole number, or the default where there is none."""
    try:
        return int(one(fields, name))
    except ValueError:
        return default


def address(**parts: Any) -> str:
    """A query string of the parts that are not empty; sequences repeat their name."""
    kept = {name: value for name, value in parts.items() if value not in ("", 0, None, False, (), [])}
    return urlencode(kept, doseq=True)


def scenario_filter(fields: Fields) -> ScenarioFilter:
    return ScenarioFilter(**{name: one(fields, name).strip() for name in FILTER_NAMES})


def filter_parts(filter: ScenarioFilter) -> dict[str, str]:
    """What ``scenario_filter`` reads."""
    return {name: getattr(filter, name) for name in FILTER_NAMES}


@dataclass(frozen=True)
class Desk:
    """Where one is on the Scenarios page: filter, page of the table, scenario in the editor.

    Attributes:
        open: id of the scenario in the editor, ``new`` for one not yet saved, or empty.
        revision: which revision the editor shows; 0 for the current one.
        given: for a new scenario: arguments of its call as a JSON object.
        like: id of the scenario that a new one is a variant of.
    """

    filter: ScenarioFilter = ScenarioFilter()
    page: int = 1
    open: str = ""
    revision: int = 0
    given: str = ""
    like: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Desk:
        page = max(1, whole(fields, "page", 1))
        opened, like = one(fields, "open"), one(fields, "like") if one(fields, "open") == NEW else ""
        return cls(scenario_filter(fields), page, opened, whole(fields, "revision"), one(fields, "given"), like)

    @property
    def query(self) -> str:
        page = 0 if self.page == 1 else self.page
        given = self.given if self.open == NEW else ""
        return address(
            **filter_parts(self.filter),
            page=page,
            open=self.open,
            revision=self.revision,
            given=given,
            like=self.like,
        )

    def at(self, **changes: Any) -> Desk:
        # What is opened next is no variant of what was open before.
        return replace(self, **({"like": ""} | changes if "open" in changes else changes))


@dataclass(frozen=True)
class Question:
    """What the Playground's form asks of one model; an empty ``model`` asks none."""

    model: str
    request: str
    toolset: str
    context: Mapping[str, str]
    constrained: bool


def question(fields: Fields, second: bool = False) -> Question:
    """``second``: what is asked of the model beside the first one."""
    context = {name: one(fields, name) for name in ("os", "shell", "mode") if one(fields, name)}
    model = one(fields, "other" if second else "model")
    return Question(model, one(fields, "request"), one(fields, "toolset"), context, bool(one(fields, "constrained")))


def capture(fields: Fields) -> Capture:
    """What is to be recorded. A field that is no number becomes one that the action refuses."""
    try:
        share = float(one(fields, "share")) / 100
    except ValueError:
        share = -1
    return Capture(bool(one(fields, "active")), share, whole(fields, "keep_days"))


def words(text: str) -> list[str]:
    """What stands between commas, without blanks around it."""
    return [word.strip() for word in text.split(",") if word.strip()]


def one_of(value: str, choices: tuple[Any, ...]) -> Any:
    """The value where it is one of the choices, else None."""
    return value if value in choices else None


def bulk_edit(fields: Fields) -> BulkEdit:
    """What the form above the table says to set."""
    texts = {name: one(fields, name).strip() for name in ("status", "os", "mode", "split", "toolset")}
    tags = {name: tuple(words(one(fields, name))) for name in ("add_tags", "remove_tags")}
    return BulkEdit(**texts, add_tags=tags["add_tags"], remove_tags=tags["remove_tags"])


@dataclass(frozen=True)
class Past:
    """Where one is on the History page.

    Attributes:
        below: changes older than this one are listed; 0 for the newest.
        change: the change whose scenarios are shown; 0 for none.
        scenario: the scenario whose revisions are shown instead of changes.
        view: ``snapshots`` for those, with ``old`` and ``new`` the hashes to compare.
    """

    below: int = 0
    change: int = 0
    scenario: str = ""
    view: str = ""
    old: str = ""
    new: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Past:
        texts = {name: one(fields, name) for name in ("scenario", "view", "old", "new")}
        return cls(max(0, whole(fields, "below")), max(0, whole(fields, "change")), **texts)

    @property
    def query(self) -> str:
        return address(**{name: getattr(self, name) for name in self.__dataclass_fields__})

    def at(self, **changes: Any) -> Past:
        return replace(self, **changes)


COLUMN_FIELD = "column-"
"""How the form's fields begin that say which column fills which field."""


def wishes(fields: Fields) -> Wishes:
    """How a person wants a file to be read."""
    columns = {
        name.removeprefix(COLUMN_FIELD): values[0] for name, values in fields.items() if name.startswith(COLUMN_FIELD)
    }
    return Wishes(one(fields, "format"), one(fields, "toolset"), columns=columns)


def conflicts(fields: Fields) -> str:
    """What becomes of scenarios that are there with another content."""
    return one(fields, "conflicts") or CONFLICTS[0]
