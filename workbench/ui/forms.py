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
from functools import partial
from typing import Any, cast, get_args
from urllib.parse import urlencode

from workbench.actions.answers import BUCKETS
from workbench.actions.bulk import BulkEdit
from workbench.actions.intake import Wishes
from workbench.actions.run_list import RunFilter
from workbench.actions.transfer import CONFLICTS
from workbench.errors import Problem, WorkbenchError
from workbench.evaluation.statistics import SLICES
from workbench.records import (
    SPLITS,
    STATUSES,
    ExpectedCall,
    Outcome,
    Scenario,
    Split,
    Status,
    Tool,
    Toolset,
    canonical_json,
)
from workbench.scenarios.places import ABSENT, value_at
from workbench.store.answers import FIGURES
from workbench.store.capture import Capture
from workbench.store.scenarios import UNSET, ScenarioFilter
from workbench.training.settings import TrainSettings
from workbench.ui import scoring_form

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
            **_filter_parts(self.filter),
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
    return _judged(fields, i, tool, ExpectedCall(name, arguments), old)


def _judged(fields: Fields, i: int, tool: Tool | None, call: ExpectedCall, old: ExpectedCall) -> ExpectedCall:
    """The call with what counts as right for it; what the form does not show of that is kept."""
    kept = {
        place for place in (*old.accept, *old.optional, *old.rules) if value_at(call.arguments, place) is not ABSENT
    }
    accept = {place: values for place, values in old.accept.items() if place in kept}
    optional = set(old.optional & kept)
    rules = {place: rule for place, rule in old.rules.items() if place in kept}
    same_tool = one(fields, f"call.{i}.was") == call.name
    for argument in call.arguments:
        if not (same_tool and one(fields, f"call.{i}.judged.{argument}")):
            continue
        schema = tool.properties.get(argument, {}) if tool else {}
        typed = partial(_typed, fields, i, argument)
        accept[argument] = _accepted(schema, typed("accept"), old.accept.get(argument, ()))
        (optional.add if typed("optional") else optional.discard)(argument)
        rules.pop(argument, None)
        if rule := scoring_form.read_rule(typed, old.rules.get(argument)):
            rules[argument] = rule
    accept = {place: values for place, values in accept.items() if values}
    return replace(call, accept=accept, optional=frozenset(optional), rules=rules)


def _typed(fields: Fields, i: int, argument: str, name: str) -> str:
    return one(fields, f"call.{i}.{name}.{argument}").replace("\r\n", "\n")


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


def _accepted(schema: Mapping[str, Any], text: str, before: Sequence[Any]) -> tuple[Any, ...]:
    """The values on the lines of a field; those of before where nobody has touched it."""
    return tuple(before) if text == accepted_text(schema, before) else accepted_values(schema, text)


def accepted_values(schema: Mapping[str, Any], text: str) -> tuple[Any, ...]:
    """One value a line, as the schema means it; a text argument may also have them as a JSON list."""
    kind = argument_kind(schema)
    values = _json(text) if kind == "text" and text.strip().startswith("[") else None
    if isinstance(values, list):
        return tuple(values)
    lines = [line for line in text.split("\n") if line.strip()]
    return tuple(_json(line) if kind == "choices" else argument_value(schema, [line]) for line in lines)


def accepted_text(schema: Mapping[str, Any], values: Sequence[Any]) -> str:
    """Values as their field shows them; ``accepted_values`` reads them back."""
    dump = argument_kind(schema) == "choices"
    text = "\n".join(json.dumps(v, ensure_ascii=False) if dump else argument_text(schema, v) for v in values)
    plain = canonical_json(list(accepted_values(schema, text))) == canonical_json(list(values))
    return text if plain else json.dumps(list(values), ensure_ascii=False)


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
    return _number(text, float) if isinstance(default, (int, float)) else text


# Compare


@dataclass(frozen=True)
class Bench:
    """Where one is on the Compare page.

    Attributes:
        candidate: model that is held against the first one; empty for the second.
        threshold: percent; calls with a lower confidence count as NO_TOOL.
        by: slice that is plotted, ``of``: model whose confusion is shown, empty for the candidate.
        failed, differing, text, verdict, bucket: which answers; ``expected`` and ``got``: a cell of the confusion.
        again: run that answers one scenario again.
    """

    models: tuple[str, ...] = ()
    split: Split = "test"
    snapshot: str = ""
    candidate: str = ""
    figure: str = "exact"
    threshold: int = 0
    by: str = "tool"
    of: str = ""
    differing: bool = False
    failed: bool = False
    text: str = ""
    verdict: str = ""
    bucket: str = ""
    expected: str = ""
    got: str = ""
    page: int = 1
    again: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Bench:
        return cls(
            models=tuple(dict.fromkeys(model for model in fields.get("model", ()) if model)),
            split=_one_of(one(fields, "split"), get_args(Split)) or "test",
            snapshot=one(fields, "snapshot"),
            candidate=one(fields, "candidate"),
            figure=_one_of(one(fields, "figure"), tuple(FIGURES)) or "exact",
            threshold=min(100, max(0, whole(fields, "threshold"))),
            by=_one_of(one(fields, "by"), SLICES) or "tool",
            of=one(fields, "of"),
            differing=one(fields, "differing") == "yes",
            failed=one(fields, "failed") == "yes",
            text=one(fields, "text").strip(),
            verdict=one(fields, "verdict"),
            bucket=_one_of(one(fields, "bucket"), BUCKETS) or "",
            expected=one(fields, "expected"),
            got=one(fields, "got"),
            page=max(1, whole(fields, "page", 1)),
            again=one(fields, "again"),
        )

    @property
    def query(self) -> str:
        return address(
            model=self.models,
            split="" if self.split == "test" else self.split,
            snapshot=self.snapshot,
            candidate=self.candidate,
            figure="" if self.figure == "exact" else self.figure,
            threshold=self.threshold,
            by="" if self.by == "tool" else self.by,
            of=self.of,
            differing="yes" if self.differing else "",
            failed="yes" if self.failed else "",
            text=self.text,
            verdict=self.verdict,
            bucket=self.bucket,
            expected=self.expected,
            got=self.got,
            page=0 if self.page == 1 else self.page,
            again=self.again,
        )

    @property
    def rival(self) -> str:
        """The model that is held against the first one."""
        chosen = self.candidate if self.candidate in self.models[1:] else ""
        return chosen or (self.models[1] if len(self.models) > 1 else "")

    @property
    def confused(self) -> str:
        """The model whose confusion is shown."""
        return self.of if self.of in self.models else self.rival or (self.models[0] if self.models else "")

    def at(self, **changes: Any) -> Bench:
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
