"""What the Train page's form asks for, and where one is on that page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.actions.run_list import RunFilter
from workbench.errors import Problem, WorkbenchError
from workbench.training.settings import TrainSettings
from workbench.ui.argument_fields import number
from workbench.ui.forms import Fields, address, one, whole, words

OTHER = "other"
"""In the form's menu of bases: a model that the menu does not name."""


@dataclass(frozen=True)
class TrainOrder:
    """What the Train page's form asks for.

    Attributes:
        typed: the settings as they were typed, for the form to show again.
        allow_leaks: why to train although there are leaks.
    """

    toolset: str
    base: str
    name: str = ""
    settings: TrainSettings = TrainSettings()
    typed: Mapping[str, str] = field(default_factory=dict)
    allow_leaks: str = ""


@dataclass(frozen=True)
class RunPlace:
    """Where one is on the Train page: the run that is watched (the newest when empty), and which runs are listed."""

    run: str = ""
    filter: RunFilter = RunFilter(kind="train")

    @classmethod
    def read(cls, fields: Fields) -> RunPlace:
        text, state, tag = (one(fields, name).strip() for name in ("text", "state", "tag"))
        return cls(one(fields, "run"), RunFilter("train", state, tag, text, one(fields, "trash") == "yes"))

    @property
    def address(self) -> str:
        trash = "yes" if self.filter.deleted else ""
        shown = self.filter
        return address(run=self.run, text=shown.text, state=shown.state, tag=shown.tag, trash=trash)


@dataclass(frozen=True)
class AutoOrder:
    """What the Train page's form says of auto-train."""

    active: bool
    min_new: int
    swap: str = "ask"


def auto_order(fields: Fields) -> AutoOrder:
    swap = "not_worse" if one(fields, "auto_swap") == "yes" else "ask"
    return AutoOrder(one(fields, "auto_active") == "yes", whole(fields, "auto_min_new"), swap)


def train_order(fields: Fields) -> tuple[TrainOrder, list[Problem]]:
    """Reads the form; what cannot be read keeps its default and is a problem at its field."""
    settings, problems, typed = TrainSettings(), [], {}
    for name, default in settings.to_dict().items():
        text = one(fields, name).strip()
        typed[name] = text
        try:
            settings = TrainSettings.from_dict({**settings.to_dict(), name: _setting(default, text)})
        except WorkbenchError as error:
            problems.append(Problem(error.message, name, hint=error.hint))
    base = one(fields, "other").strip() if one(fields, "base") == OTHER else one(fields, "base")
    order = TrainOrder(one(fields, "toolset"), base, one(fields, "name").strip(), settings, typed)
    return replace(order, allow_leaks=one(fields, "allow_leaks").strip()), problems


def setting_text(value: Any) -> str:
    """A setting as its field shows it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _setting(default: Any, text: str) -> Any:
    if isinstance(default, list):
        return words(text)
    return number(text, float) if isinstance(default, (int, float)) else text
