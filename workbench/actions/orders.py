"""What a person asks for when drafts are generated: the order, read from JSON and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from workbench.actions.curate import ProblemsError
from workbench.actions.curate import toolset as get_toolset
from workbench.errors import Problem, WorkbenchError
from workbench.generation.job import TeacherSettings
from workbench.inference.endpoint import Endpoint
from workbench.records import NO_TOOL, SPLITS, Split, Toolset
from workbench.scenarios.generate import teacher, templates, variants
from workbench.scenarios.generate.template_file import read_templates
from workbench.scenarios.validate import KNOWN_OS, check_toolset
from workbench.store.database import Store

Way = Literal["schema", "template", "teacher", "typos"]
WAYS: tuple[Way, ...] = get_args(Way)


@dataclass(frozen=True)
class Order:
    """What to generate.

    Attributes:
        tools: names of tools, or NO_TOOL; empty for all.
        oses, modes, shells: contexts of the drafts; for ``template`` and ``typos`` those to choose from. Empty for all.
        count: how many to make, counted before those are left out that are there already: the same order with a
            larger count adds to what a smaller one gave.
        template: text of a file of templates; ``template_name`` is what to call it.
        changes: kinds of rewriting for ``typos``, see ``variants.CHANGES``.
        split: whose scenarios ``typos`` and paraphrases start from; their drafts stay in that split.
        styles: styles that a teacher is asked for.
        paraphrase: the teacher rewords scenarios that are there, instead of writing new ones.
        settings: of a teacher; its ``count`` and ``seed`` are those of the order.
    """

    way: Way
    toolset: str
    tools: tuple[str, ...] = ()
    oses: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    shells: tuple[str, ...] = ()
    count: int = 50
    seed: int = 0
    template: str = ""
    template_name: str = ""
    changes: tuple[str, ...] = tuple(variants.CHANGES)
    split: Split = "train"
    styles: tuple[str, ...] = teacher.STYLES
    paraphrase: bool = False
    endpoint: Endpoint = Endpoint("", "")
    settings: TeacherSettings = TeacherSettings()

    @property
    def asked(self) -> TeacherSettings:
        """The teacher's settings with the order's count and seed."""
        return replace(self.settings, count=self.count, seed=self.seed)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Order:
        """From its JSON form. Raises WorkbenchError for a field that is unknown or of the wrong type."""
        known = {f.name: f for f in fields(cls)}
        values: dict[str, Any] = {"way": "schema", "toolset": ""}
        for name, value in data.items():
            if name not in known:
                raise WorkbenchError(f"'{name}' is no part of an order.", f"Its parts: {', '.join(known)}.")
            values[name] = _read_field(name, value)
        return cls(**values)


def checked(store: Store, order: Order) -> Toolset:
    """The toolset of an order that makes sense.

    Raises:
        ProblemsError: it makes none; for a file of templates each problem has its line.
        WorkbenchError: there is no such toolset.
    """
    toolset = get_toolset(store, order.toolset)
    problems = [*_order_problems(order, toolset)]
    if order.way == "template" and not problems:
        problems += _template_problems(order, toolset)
    if problems:
        place = f"line {problems[0].line}: " if problems[0].line else ""
        field = f"{problems[0].field} " if problems[0].field else ""
        raise ProblemsError(
            f"Nothing can be generated: {place}{field}{problems[0].message}.", problems, problems[0].hint
        )
    return toolset


def teacher_problems(order: Order) -> Iterator[Problem]:
    """What keeps the teacher of an order from being asked."""
    yield from (replace(one, field=f"endpoint.{one.field}") for one in order.endpoint.check())
    yield from (replace(one, field=f"settings.{one.field}") for one in order.asked.check())


def _template_problems(order: Order, toolset: Toolset) -> list[Problem]:
    if not order.template.strip():
        return [Problem("is missing", "template", hint="Give a file of templates.")]
    file, problems = read_templates(order.template, order.template_name)
    found = problems + [replace(one, file=order.template_name) for one in templates.check(file, toolset)]
    return sorted(found, key=lambda one: one.line)


def _order_problems(order: Order, toolset: Toolset) -> Iterator[Problem]:
    for tool in order.tools:
        if tool != NO_TOOL and toolset.tool(tool) is None:
            yield Problem(f"'{tool}' is not in the toolset", "tools", hint=f"Tools: {', '.join(toolset.tool_names)}.")
    for os in order.oses:
        if os not in KNOWN_OS:
            yield Problem(f"'{os}' is not a known OS", "oses", hint=f"Use {', '.join(KNOWN_OS)}.")
    for change in order.changes:
        if change not in variants.CHANGES:
            yield Problem(f"'{change}' is not a change", "changes", hint=f"Use {', '.join(variants.CHANGES)}.")
    if order.way == "typos" and not order.changes:
        yield Problem("is empty", "changes", hint=f"Choose among {', '.join(variants.CHANGES)}.")
    if order.count < 1:
        yield Problem("must be at least 1", "count")
    if order.way in ("schema", "teacher"):
        yield from check_toolset(toolset)


_LISTS = ("tools", "oses", "modes", "shells", "changes", "styles")
_KINDS: Mapping[str, tuple[type, str]] = {
    "count": (int, "a whole number"),
    "seed": (int, "a whole number"),
    "paraphrase": (bool, "true or false"),
}


def _read_field(name: str, value: Any) -> Any:
    if name in _LISTS:
        if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
            raise WorkbenchError(f"{name} must be a list of texts.")
        return tuple(value)
    if name in ("endpoint", "settings"):
        if not isinstance(value, Mapping):
            raise WorkbenchError(f"{name} must be an object.")
        whole = {"base_url": "", "model": "", **value}
        return Endpoint.from_dict(whole) if name == "endpoint" else TeacherSettings.from_dict(value)
    kind, words = _KINDS.get(name, (str, "a text"))
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise WorkbenchError(f"{name} must be {words}.")
    choices: Mapping[str, tuple[str, ...]] = {"way": WAYS, "split": SPLITS}
    if name in choices and value not in choices[name]:
        raise WorkbenchError(f"'{value}' is not a {name}.", f"Choose one of {', '.join(choices[name])}.")
    return value
