"""What a browser sends, as records; where one is on a page, as an address. Pure: knows no widget and no store.

A form and an address's query have one shape, ``Fields``: each name with all its values. Reading a form never fails:
a value that does not fit its schema stays as it was typed, so that the checks of ``scenarios.validate`` can say what is
wrong with it at its field.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast, get_args
from urllib.parse import urlencode

from workbench.actions.bulk import BulkEdit
from workbench.actions.run_list import RunFilter
from workbench.errors import Problem, WorkbenchError
from workbench.records import SPLITS, STATUSES, ExpectedCall, Outcome, Scenario, Split, Status, Tool, Toolset
from workbench.store.scenarios import UNSET, ScenarioFilter
from workbench.training.settings import TrainSettings

Fields = Mapping[str, Sequence[str]]
FILTER_NAMES = ("toolset", "text", "tool", "os", "mode", "split", "status", "tag", "shell")
NEW = "new"
NOW = "now"
"""In the Compare form's menu of snapshots: one of the approved scenarios as they are now."""
OTHER = "other"
"""In the Train form's menu of bases: a model that the menu does not name."""


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


# Scenarios


def scenario_filter(fields: Fields) -> ScenarioFilter:
    return ScenarioFilter(**{name: one(fields, name).strip() for name in FILTER_NAMES})


def _filter_parts(filter: ScenarioFilter) -> dict[str, str]:
    return {name: getattr(filter, name) for name in FILTER_NAMES}


@dataclass(frozen=True)
class Desk:
    """Where one is on the Scenarios page: filter, page of the table, scenario in the editor.

    Attributes:
        open: id of the scenario in the editor, ``new`` for one not yet saved, or empty.
        revision: which revision the editor shows; 0 for the current one.
        given: for a new scenario: arguments of its call as a JSON object.
    """

    filter: ScenarioFilter = ScenarioFilter()
    page: int = 1
    open: str = ""
    revision: int = 0
    given: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Desk:
        page = max(1, whole(fields, "page", 1))
        open, revision = one(fields, "open"), whole(fields, "revision")
        return cls(scenario_filter(fields), page, open, revision, one(fields, "given"))

    @property
    def query(self) -> str:
        page = 0 if self.page == 1 else self.page
        given = self.given if self.open == NEW else ""
        return address(**_filter_parts(self.filter), page=page, open=self.open, revision=self.revision, given=given)

    def at(self, **changes: Any) -> Desk:
        return replace(self, **changes)


def blank(filter: ScenarioFilter, toolset: Toolset, id: str, given: str = "") -> Scenario:
    """A new scenario as the filter suggests: its tool, OS, shell, mode, tag and pinned split.

    Args:
        given: arguments of its call as a JSON object; anything else is passed over.
    """
    tool = filter.tool if toolset.tool(filter.tool) else ""
    no_tool = filter.tool == "NO_TOOL"
    arguments = _json(given) if given else {}
    call = ExpectedCall(tool, arguments if tool and isinstance(arguments, dict) else {})
    place = {name: "" if value == UNSET else value for name, value in _filter_parts(filter).items()}
    return Scenario(
        id=id,
        toolset=toolset.name,
        request="",
        outcome=Outcome() if no_tool else Outcome((call,)),
        os=place["os"],
        shell=place["shell"],
        mode=place["mode"],
        tags=(place["tag"],) if place["tag"] else (),
        split=_one_of(filter.split, SPLITS),
        status="approved",
        source="author",
    )


def scenario(fields: Fields, toolset: Toolset, before: Scenario) -> Scenario:
    """The scenario that the editor's form says; what the form does not show is kept from ``before``."""
    return replace(
        before,
        request=one(fields, "request").strip(),
        outcome=_outcome(fields, toolset, before.outcome),
        os=one(fields, "os"),
        shell=one(fields, "shell").strip(),
        mode=one(fields, "mode").strip(),
        tags=tuple(words(one(fields, "tags"))),
        reasoning=one(fields, "reasoning").strip(),
        status=cast(Status, _one_of(one(fields, "status"), STATUSES) or before.status),
        split=_one_of(one(fields, "split"), SPLITS),
    )


def words(text: str) -> list[str]:
    """What stands between commas, without blanks around it."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _outcome(fields: Fields, toolset: Toolset, before: Outcome) -> Outcome:
    kind = one(fields, "outcome", "one")
    if kind == "none":
        return Outcome()
    count = whole(fields, "calls")
    calls = [_call(fields, i, toolset, before) for i in range(count) if one(fields, "drop") != str(i)]
    if one(fields, "add") or not calls:
        calls.append(ExpectedCall(""))
    if kind == "one":
        return Outcome(tuple(calls[:1]))
    calls += [ExpectedCall("")] * (2 - len(calls))
    return Outcome(tuple(calls), one(fields, "ordered") == "yes")


def _call(fields: Fields, i: int, toolset: Toolset, before: Outcome) -> ExpectedCall:
    name = one(fields, f"call.{i}.name")
    tool = toolset.tool(name)
    arguments = {}
    for argument, schema in (tool.properties if tool else {}).items():
        values = fields.get(f"call.{i}.arg.{argument}", ())
        if any(values):
            arguments[argument] = argument_value(schema, values)
    arguments |= _strays(fields, i, tool)
    old = before.calls[i] if i < len(before.calls) and before.calls[i].name == name else ExpectedCall(name)
    return ExpectedCall(
        name,
        arguments,
        accept={argument: values for argument, values in old.accept.items() if argument in arguments},
        optional=frozenset(old.optional & arguments.keys()),
    )


def _strays(fields: Fields, i: int, tool: Tool | None) -> dict[str, Any]:
    """Arguments that the form holds although the tool does not know them, so that a person can see and empty them."""
    before = f"call.{i}.arg."
    names = [name.removeprefix(before) for name in fields if name.startswith(before)]
    stray = {name: fields[before + name] for name in names if tool and name not in tool.properties}
    same_tool = tool is not None and one(fields, f"call.{i}.was") == tool.name
    return {name: argument_value({}, values) for name, values in stray.items() if same_tool and any(values)}


def argument_kind(schema: Mapping[str, Any]) -> str:
    """Which field an argument gets: choice, boolean, integer, number, choices, list, text or json."""
    items = schema.get("items") or {}
    kind = schema.get("type")
    if kind == "array":
        if not isinstance(items, Mapping) or items.get("type", "string") not in ("string", "integer", "number"):
            return "json"
        return "choices" if items.get("enum") else "list"
    if schema.get("enum"):
        return "choice"
    return {"boolean": "boolean", "integer": "integer", "number": "number", "string": "text"}.get(str(kind), "json")


def argument_value(schema: Mapping[str, Any], values: Sequence[str]) -> Any:
    """What was typed as JSON, as the schema means it; text that does not fit stays text."""
    kind = argument_kind(schema)
    if kind == "choices":
        return [_choice(schema["items"]["enum"], value) for value in values if value]
    if kind == "list":
        return _list(schema, values[-1])
    return _SCALARS[kind](schema, values[-1])


def _list(schema: Mapping[str, Any], text: str) -> Any:
    if text.strip().startswith("["):
        return _json(text)
    kind = (schema.get("items") or {}).get("type", "string")
    return [_number(word, int if kind == "integer" else float) if kind != "string" else word for word in words(text)]


def _choice(options: Sequence[Any], text: str) -> Any:
    return next((option for option in options if as_text(option) == text), text)


def _number(text: str, kind: type[int] | type[float]) -> Any:
    try:
        value = kind(text)
    except ValueError:
        return text
    return int(value) if math.isfinite(value) and value == int(value) else value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


_SCALARS: Mapping[str, Callable[[Mapping[str, Any], str], Any]] = {
    "choice": lambda schema, text: _choice(schema["enum"], text),
    "boolean": lambda schema, text: {"true": True, "false": False}.get(text, text),
    "integer": lambda schema, text: _number(text, int),
    "number": lambda schema, text: _number(text, float),
    "text": lambda schema, text: text,
    "json": lambda schema, text: _json(text),
}


def argument_text(schema: Mapping[str, Any], value: Any) -> str:
    """A value as its field shows it, empty for None; ``argument_value`` reads it back."""
    if value is None:
        return ""
    kind = argument_kind(schema)
    if kind == "list" and isinstance(value, list):
        texts = [as_text(item) for item in value]
        plain = words(", ".join(texts)) == texts and not texts[0].startswith("[") if texts else False
        return ", ".join(texts) if plain else as_text(value)
    # In a JSON field, text of an untyped schema needs its quotes; text where an object belongs is a mistake to mend.
    quoted = kind == "json" and schema.get("type") not in ("object", "array")
    return json.dumps(value, ensure_ascii=False) if quoted else as_text(value)


def as_text(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _one_of(value: str, choices: tuple[Any, ...]) -> Any:
    return value if value in choices else None


def bulk_edit(fields: Fields) -> BulkEdit:
    """What the form above the table says to set."""
    texts = {name: one(fields, name).strip() for name in ("status", "os", "mode", "split", "toolset")}
    tags = {name: tuple(words(one(fields, name))) for name in ("add_tags", "remove_tags")}
    return BulkEdit(**texts, add_tags=tags["add_tags"], remove_tags=tags["remove_tags"])


# History


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


# Train


@dataclass(frozen=True)
class TrainOrder:
    """What the Train page's form asks for.

    Attributes:
        typed: the settings as they were typed, for the form to show again.
    """

    toolset: str
    base: str
    name: str = ""
    settings: TrainSettings = TrainSettings()
    typed: Mapping[str, str] = field(default_factory=dict)


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


def auto_order(fields: Fields) -> AutoOrder:
    return AutoOrder(one(fields, "auto_active") == "yes", whole(fields, "auto_min_new"))


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
    return TrainOrder(one(fields, "toolset"), base, one(fields, "name").strip(), settings, typed), problems


def setting_text(value: Any) -> str:
    """A setting as its field shows it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _setting(default: Any, text: str) -> Any:
    if isinstance(default, list):
        return words(text)
    return _number(text, float) if isinstance(default, (int, float)) else text


# Compare


@dataclass(frozen=True)
class Bench:
    """Where one is on the Compare page."""

    models: tuple[str, ...] = ()
    split: Split = "test"
    snapshot: str = ""
    differing: bool = False
    text: str = ""
    verdict: str = ""
    page: int = 1

    @classmethod
    def read(cls, fields: Fields) -> Bench:
        return cls(
            models=tuple(dict.fromkeys(model for model in fields.get("model", ()) if model)),
            split=_one_of(one(fields, "split"), get_args(Split)) or "test",
            snapshot=one(fields, "snapshot"),
            differing=one(fields, "differing") == "yes",
            text=one(fields, "text").strip(),
            verdict=one(fields, "verdict"),
            page=max(1, whole(fields, "page", 1)),
        )

    @property
    def query(self) -> str:
        return address(
            model=self.models,
            split="" if self.split == "test" else self.split,
            snapshot=self.snapshot,
            differing="yes" if self.differing else "",
            text=self.text,
            verdict=self.verdict,
            page=0 if self.page == 1 else self.page,
        )

    def at(self, **changes: Any) -> Bench:
        return replace(self, **changes)
