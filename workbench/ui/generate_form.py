"""The Generate page's form and address, as an order. Pure: reading never fails, what cannot be read is a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from workbench.actions.orders import Order
from workbench.errors import Problem, WorkbenchError
from workbench.generation.job import TeacherSettings
from workbench.inference.endpoint import Endpoint
from workbench.scenarios.generate.teacher import STYLES
from workbench.scenarios.generate.variants import CHANGES
from workbench.ui.forms import Fields, address, one, words
from workbench.ui.train_form import setting_text

ENDPOINT = ("base_url", "model", "key_env", "timeout_s", "concurrency")
SETTINGS = ("each", "price_in", "price_out", "max_cost", "temperature", "max_tokens")
NUMBERS = ("count", "seed")
LISTS = {"tool": "tools", "os": "oses", "change": "changes", "style": "styles"}
"""Fields with several values, and the part of the order that they are."""


@dataclass(frozen=True)
class Sheet:
    """What the form shows: the order as far as it can be read, and numbers as they were typed.

    Attributes:
        run: id of the teacher's run that is watched; empty for the newest.
    """

    order: Order
    problems: tuple[Problem, ...] = ()
    typed: Mapping[str, str] = field(default_factory=dict)
    run: str = ""

    def text(self, name: str) -> str:
        """What stands in a field of text or number."""
        if name in self.typed:
            return self.typed[name]
        for part in (self.order, self.order.endpoint, self.order.settings):
            if name in {f.name for f in fields(part)}:
                return setting_text(getattr(part, name))
        return ""

    @property
    def query(self) -> str:
        """The address that opens the page with this order; what is long or private stays out of it."""
        order = self.order
        return address(
            way="" if order.way == "schema" else order.way,
            toolset=order.toolset,
            tool=order.tools,
            os=order.oses,
            mode=order.modes,
            count="" if order.count == Order("schema", "").count else order.count,
            seed=order.seed,
            split="" if order.split == "train" else order.split,
            run=self.run,
        )


def read_sheet(given: Fields, toolset: str, template: str) -> Sheet:
    """The form or the address as an order.

    Args:
        toolset: the one to take when none is named.
        template: the text of the file of templates when the form has none.
    """
    data: dict[str, Any] = {"toolset": one(given, "toolset") or toolset, "way": one(given, "way") or "schema"}
    data |= {part: list(given[name]) for name, part in LISTS.items() if name in given}
    # In a form that was drawn for this way, a list of which nothing is ticked is empty and not missing.
    if one(given, "drawn") == data["way"]:
        shown = {"typos": ("change",), "teacher": ("style",)}.get(data["way"], ())
        data |= {LISTS[name]: list(given.get(name, ())) for name in shown}
    data["modes"] = [word for text in given.get("mode", ()) for word in words(text)]
    data["template"] = one(given, "template") or template
    data["paraphrase"] = one(given, "paraphrase") == "yes"
    if one(given, "split"):
        data["split"] = one(given, "split")
    endpoint: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    problems: list[Problem] = []
    typed: dict[str, str] = {}
    for name in (*NUMBERS, *ENDPOINT, *SETTINGS):
        if name not in given:
            continue
        typed[name] = one(given, name).strip()
        target = data if name in NUMBERS else endpoint if name in ENDPOINT else settings
        try:
            target[name] = _value(name, typed[name])
        except ValueError:
            problems.append(Problem("must be a number", name))
    data |= {"endpoint": endpoint, "settings": settings}
    try:
        return Sheet(Order.from_dict(data), tuple(problems), typed, one(given, "run"))
    except WorkbenchError as error:
        problem = Problem(error.message.rstrip("."), "", hint=error.hint)
        return Sheet(Order("schema", data["toolset"]), (*problems, problem), typed)


def _value(name: str, text: str) -> Any:
    owner: Any = next(o for o in (Order("schema", ""), Endpoint("", ""), TeacherSettings()) if hasattr(o, name))
    default = getattr(owner, name)
    if isinstance(default, str):
        return text
    return int(text) if isinstance(default, int) else float(text)


CHOICES = {"change": tuple(CHANGES), "style": STYLES}
