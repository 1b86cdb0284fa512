"""Way ``template``: a file of sentences with slots becomes scenarios. Data only: nothing in the file is run.

The file is TOML::

    [[context]]                       # where people sit; any number of these, each key one value or a list
    os = ["linux", "bsd"]
    shell = "bash"
    mode = "act"

    [preference.polite]               # how people talk; without any, sentences stand as they are
    before = "could you "
    after = ", please"
    tags = ["polite"]

    [slot]                            # values by name
    program = ["firefox", "slack"]
    wait = [5, {say = "half an hour", value = 30}]      # what is said may differ from what the call gets
    folder = {windows = ['C:\\Temp'], any = ["~/temp"]}  # what fits one OS only

    [[template]]
    name = "stop"
    request = ["close {program}", "{program} must go"]  # {{ and }} are braces
    expected = [{name = "stop_process", arguments = {name = "{program}"}}]   # or "NO_TOOL"

A template may also hold ``ordered``, ``os``, ``mode`` and ``preference`` (lists of those that fit; all by default; the
preference ``plain`` says the sentence as it is and is always there), ``tags``, ``reasoning`` and ``split``. Without
``split`` all scenarios of one sentence fall on the same side, by a hash of the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import Problem
from workbench.records import Outcome, RecordError, Scenario, Split, Toolset
from workbench.scenarios.generate.drafts import Context, draft, spaced
from workbench.scenarios.generate.shuffle import shuffled
from workbench.scenarios.splitting import split_of
from workbench.scenarios.validate import check_scenario

ANY = "any"
PLAIN = "plain"
_SLOT = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


@dataclass(frozen=True)
class SlotValue:
    """One value of a slot: what the request says, and what the call gets."""

    say: str
    value: Any


@dataclass(frozen=True)
class Preference:
    """A way of talking: text around the sentence, and tags."""

    name: str = PLAIN
    before: str = ""
    after: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Template:
    """Sentences that ask for the same thing.

    Attributes:
        expected: as in a scenario's JSON form, with slots in its texts.
        oses, modes, preferences: those that fit; empty fits all.
        line: where it begins in its file.
    """

    name: str
    requests: tuple[str, ...]
    expected: Any
    ordered: bool = False
    oses: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    reasoning: str = ""
    split: Split | None = None
    line: int = 0


@dataclass(frozen=True)
class TemplateFile:
    """What a file of templates holds; ``slots`` by name and OS, the key ``any`` serving every OS without its own."""

    contexts: tuple[Context, ...]
    preferences: tuple[Preference, ...]
    slots: Mapping[str, Mapping[str, tuple[SlotValue, ...]]]
    templates: tuple[Template, ...]


@dataclass(frozen=True)
class _Cell:
    """One sentence of a template in one context and one way of talking, with the slots that are open in it."""

    template: Template
    request: str
    context: Context
    preference: Preference
    slots: Mapping[str, tuple[SlotValue, ...]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many scenarios it can make."""
        size = 1
        for values in self.slots.values():
            size *= len(values)
        return size

    def choice(self, number: int) -> dict[str, SlotValue]:
        """The values that stand for a number below ``size``."""
        chosen = {}
        for name, values in self.slots.items():
            number, at = divmod(number, len(values))
            chosen[name] = values[at]
        return chosen


def fill(file: TemplateFile, toolset: str, seed: int) -> Iterator[Scenario]:
    """Drafts, the templates in turn, each in a seeded order, until all is said; none twice.

    The same file and seed give the same drafts in the same order, however many are taken.
    """
    orders = [_ordered(_cells(file, template), f"{seed}|{template.name}") for template in file.templates]
    seen: set[str] = set()
    while orders:
        for order in list(orders):
            for cell, number in order:
                made = _scenario(cell, cell.choice(number), toolset)
                if made.id not in seen:
                    seen.add(made.id)
                    yield made
                    break
            else:
                orders.remove(order)


def count(file: TemplateFile) -> int:
    """How many scenarios the file can make at most."""
    return sum(cell.size for template in file.templates for cell in _cells(file, template))


def check(file: TemplateFile, toolset: Toolset) -> list[Problem]:
    """What is wrong with the scenarios that the file makes: each value of each slot is tried once in each sentence."""
    problems: dict[tuple[str, int, str], Problem] = {}
    for at, template in enumerate(file.templates):
        cells = _cells(file, template)
        if not cells:
            message = "no context fits its os and mode"
            problems[message, at, ""] = Problem(message, f"template[{at}]", template.line, hint="Add a [[context]].")
        for cell in {(cell.request, cell.context.os): cell for cell in reversed(cells)}.values():
            for choice in _trials(cell):
                for problem in _problems(cell, choice, toolset):
                    where = f"template[{at}].{problem.field}".rstrip(".")
                    found = Problem(problem.message, where, template.line, hint=problem.hint)
                    problems.setdefault((problem.message, at, problem.field), found)
    return list(problems.values())


def slots_in(value: Any) -> list[str]:
    """The names of the slots in a text, or in all texts of JSON data."""
    if isinstance(value, str):
        return [m[1] for m in _SLOT.finditer(value) if m[1] is not None]
    if isinstance(value, Mapping):
        return [name for item in value.values() for name in slots_in(item)]
    if isinstance(value, list):
        return [name for item in value for name in slots_in(item)]
    return []


def _cells(file: TemplateFile, template: Template) -> list[_Cell]:
    return [
        _Cell(template, request, context, preference, _open(file, template, request, context.os))
        for context in file.contexts
        if (not template.oses or context.os in template.oses) and (not template.modes or context.mode in template.modes)
        for preference in file.preferences
        if not template.preferences or preference.name in template.preferences
        for request in template.requests
    ]


def _open(file: TemplateFile, template: Template, request: str, os: str) -> dict[str, tuple[SlotValue, ...]]:
    names = sorted({*slots_in(request), *slots_in(template.expected)})
    return {name: file.slots[name].get(os) or file.slots[name].get(ANY, ()) for name in names}


def _ordered(cells: Sequence[_Cell], key: str) -> Iterator[tuple[_Cell, int]]:
    """Every choice of every cell once, in a seeded order."""
    ends: list[int] = []
    for cell in cells:
        ends.append((ends[-1] if ends else 0) + cell.size)
    for number in shuffled(ends[-1] if ends else 0, key):
        at = _first_above(ends, number)
        yield cells[at], number - (ends[at] - cells[at].size)


def _first_above(ends: Sequence[int], number: int) -> int:
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if number < ends[middle] else (middle + 1, high)
    return low


def _scenario(cell: _Cell, choice: Mapping[str, SlotValue], toolset: str) -> Scenario:
    """Raises RecordError where the expected calls do not become an outcome."""
    template = cell.template
    said = {name: value.say for name, value in choice.items()}
    sentence = f"{cell.preference.before}{_filled(cell.request, said)}{cell.preference.after}"
    return draft(
        toolset,
        spaced(sentence),
        Outcome.from_value(_given(template.expected, choice), template.ordered),
        cell.context,
        f"generate:template:{template.name}",
        (*template.tags, *cell.preference.tags),
        template.split or _split_of_sentence(cell.request, toolset),
        template.reasoning,
    )


def _split_of_sentence(sentence: str, toolset: str) -> Split:
    return split_of(Scenario("", toolset, _SLOT.sub(" ", sentence)))


def _filled(text: str, said: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda m: said[m[1]] if m[1] is not None else m[0][0], text)


def _given(value: Any, choice: Mapping[str, SlotValue]) -> Any:
    """The expected calls with values in place of slots; a text that is one slot becomes the value as it is."""
    if isinstance(value, str):
        alone = _SLOT.fullmatch(value)
        if alone and alone[1] is not None:
            return choice[alone[1]].value
        return _filled(value, {name: str(one.value) for name, one in choice.items()})
    if isinstance(value, Mapping):
        return {key: _given(item, choice) for key, item in value.items()}
    return [_given(item, choice) for item in value] if isinstance(value, list) else value


def _trials(cell: _Cell) -> Iterator[dict[str, SlotValue]]:
    """The first value of each slot; then each other value of each slot beside the first of the others."""
    if not all(cell.slots.values()):
        return
    base = {name: values[0] for name, values in cell.slots.items()}
    yield base
    for name, values in cell.slots.items():
        for value in values[1:]:
            yield {**base, name: value}


def _problems(cell: _Cell, choice: Mapping[str, SlotValue], toolset: Toolset) -> list[Problem]:
    try:
        return check_scenario(_scenario(cell, choice, toolset.name), toolset)
    except RecordError as error:
        return [Problem(error.reason, error.path, hint=error.hint)]
