"""Reading a file of templates (see ``templates`` for its form): every problem with its line and field."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any

from workbench.errors import Problem
from workbench.records import NO_TOOL, SPLITS
from workbench.scenarios.generate.drafts import SHELLS, Context
from workbench.scenarios.generate.templates import (
    ANY,
    Preference,
    SlotValue,
    Template,
    TemplateFile,
    slots_in,
)
from workbench.scenarios.validate import KNOWN_OS

MOST_CHARACTERS = 2_000_000
TABLES = ("context", "preference", "slot", "template")
TEMPLATE_KEYS = (
    "name", "request", "expected", "ordered", "os", "mode", "preference", "tags", "reasoning", "split",
)  # fmt: skip
_HEADER = re.compile(r"\s*\[{1,2}\s*([A-Za-z_][\w.\"'-]*)\s*\]{1,2}")
_KEY = re.compile(r"\s*[\"']?([\w-]+)[\"']?\s*(?:\.[^=]*)?=")
_SYNTAX_PLACE = re.compile(r"\s*\(at line (\d+), column (\d+)\)")


def read_templates(text: str, file: str = "") -> tuple[TemplateFile, list[Problem]]:
    """The templates that can be read, and what is wrong with the others.

    Args:
        file: what to call the file in problems.
    """
    empty = TemplateFile((Context(),), (Preference(),), {}, ())
    if len(text) > MOST_CHARACTERS:
        return empty, [Problem(f"the file has more than {MOST_CHARACTERS:,} characters", file=file, hint="Split it.")]
    try:
        data = tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _SYNTAX_PLACE.search(str(error))
        message = _SYNTAX_PLACE.sub(f", column {place[2]}" if place else "", str(error)) or "is nested too deeply"
        hint = "The file must be TOML: see https://toml.io."
        return empty, [Problem(f"{message[:1].lower()}{message[1:]}", "", int(place[1]) if place else 0, file, hint)]
    reader = _Reader(_Lines(text), file)
    return reader.read(data), reader.problems


@dataclass
class _Reader:
    lines: _Lines
    file: str
    problems: list[Problem] = field(default_factory=list)

    def read(self, data: Mapping[str, Any]) -> TemplateFile:
        for name in data:
            if name not in TABLES:
                self.say(f"'{name}' is not known here", name, hint=f"Tables: {', '.join(TABLES)}.")
        for where in _dates(data, ""):
            self.say("a date or time must be a text here", where, "Write it in quotes.")
        contexts = self.contexts(data.get("context", []))
        preferences = self.preferences(data.get("preference", {}))
        slots = self.slots(data.get("slot", {}))
        rows = self.rows(data.get("template", []), "template")
        if not rows:
            self.say("there is no template", "template", hint="Add a [[template]] with request and expected.")
        found = TemplateFile(contexts, preferences, slots, ())
        templates: list[Template] = []
        for at, row in enumerate(rows):
            if template := self.template(row, at, found, [one.name for one in templates]):
                templates.append(template)
        return TemplateFile(contexts, preferences, slots, tuple(templates))

    def say(self, message: str, where: str, hint: str = "") -> None:
        self.problems.append(Problem(message, where, self.lines.of(where), self.file, hint))

    def rows(self, value: Any, name: str) -> list[Mapping[str, Any]]:
        if isinstance(value, list) and all(isinstance(row, Mapping) for row in value):
            return value
        self.say("must be a list of tables", name, hint=f"Write [[{name}]] in front of each.")
        return []

    def contexts(self, value: Any) -> tuple[Context, ...]:
        found: list[Context] = []
        for at, row in enumerate(self.rows(value, "context")):
            where = f"context[{at}]"
            self.known_keys(row, ("os", "shell", "mode"), where)
            oses, shells, modes = (self.words(row, key, where) for key in ("os", "shell", "mode"))
            for os in oses:
                if os not in KNOWN_OS:
                    self.say(f"'{os}' is not a known OS", f"{where}.os", f"Use {', '.join(KNOWN_OS)}.")
            for os, mode in itertools.product(oses or ("",), modes or ("",)):
                found += [Context(os, shell, mode) for shell in shells or (SHELLS.get(os, ""),)]
        return tuple(dict.fromkeys(found)) or (Context(),)

    def preferences(self, value: Any) -> tuple[Preference, ...]:
        found = [Preference()]
        for name, row in self.table(value, "preference").items():
            where = f"preference.{name}"
            row = self.table(row, where)
            self.known_keys(row, ("before", "after", "tags"), where)
            before, after = self.text(row, "before", where), self.text(row, "after", where)
            tags = self.words(row, "tags", where)
            found = [one for one in found if one.name != name]
            found.append(Preference(name, before, after, tags))
        return tuple(found)

    def slots(self, value: Any) -> dict[str, dict[str, tuple[SlotValue, ...]]]:
        found = {}
        for name, given in self.table(value, "slot").items():
            where = f"slot.{name}"
            by_os = given if isinstance(given, Mapping) else {ANY: given}
            self.known_keys(by_os, (ANY, *KNOWN_OS), where)
            found[name] = {os: self.values(values, where) for os, values in by_os.items()}
        return found

    def values(self, given: Any, where: str) -> tuple[SlotValue, ...]:
        if not isinstance(given, list) or not given:
            self.say("must be a list of at least one value", where)
            return ()
        found: list[SlotValue] = []
        for i, one in enumerate(given):
            value = self.value(one, f"{where}[{i}]")
            if value and value.say in [other.say for other in found]:
                self.say(f"'{value.say}' is there twice", f"{where}[{i}]", "Each value of a slot must differ.")
            elif value:
                found.append(value)
        return tuple(found)

    def value(self, given: Any, where: str) -> SlotValue | None:
        if isinstance(given, Mapping):
            if set(given) == {"say", "value"} and isinstance(given["say"], str) and given["say"].strip():
                return SlotValue(given["say"], given["value"])
            self.say("must have say (text) and value", where, 'Write {say = "half an hour", value = 30}.')
            return None
        if isinstance(given, str) and given.strip():
            return SlotValue(given, given)
        if isinstance(given, (int, float)) and not isinstance(given, bool):
            return SlotValue(str(given), given)
        hint = "Write a text or a number, or {say = ..., value = ...} for everything else."
        self.say("cannot be said as it is", where, hint)
        return None

    def template(self, row: Mapping[str, Any], at: int, file: TemplateFile, names: Sequence[str]) -> Template | None:
        """The template, or None when something in it is wrong."""
        where, before = f"template[{at}]", len(self.problems)
        self.known_keys(row, TEMPLATE_KEYS, where)
        name = self.text(row, "name", where) or str(at + 1)
        if name in names:
            self.say(f"there are two templates named '{name}'", f"{where}.name", "Rename one.")
        requests = self.words(row, "request", where)
        if not requests:
            self.say("is missing", f"{where}.request", "Write a sentence, or a list of them.")
        if "expected" not in row:
            self.say("is missing", f"{where}.expected", f'Write the expected calls, or "{NO_TOOL}".')
        if not isinstance(row.get("ordered", False), bool):
            self.say("must be true or false", f"{where}.ordered")
        split = row.get("split")
        if split is not None and split not in SPLITS:
            self.say(f"'{split}' is not a split", f"{where}.split", f"Use one of {', '.join(SPLITS)}.")
        preferences = self.words(row, "preference", where)
        for one in preferences:
            if one not in (known := [preference.name for preference in file.preferences]):
                self.say(f"there is no preference '{one}'", f"{where}.preference", f"There are {', '.join(known)}.")
        oses, modes, tags = (self.words(row, key, where) for key in ("os", "mode", "tags"))
        reasoning = self.text(row, "reasoning", where)
        fitting = [c for c in file.contexts if (not oses or c.os in oses) and (not modes or c.mode in modes)]
        self.check_slots(requests, row.get("expected"), where, file, fitting)
        if len(self.problems) > before or next(_dates(row, ""), None) is not None:
            return None
        ordered, line = row.get("ordered", False), self.lines.of(where)
        return Template(
            name, requests, row["expected"], ordered, oses, modes, preferences, tags, reasoning, split, line
        )

    def check_slots(
        self, requests: Sequence[str], expected: Any, where: str, file: TemplateFile, fitting: Sequence[Context]
    ) -> None:
        """Each slot must be there, and what a call needs must be said."""
        for part, value in (("request", list(requests)), ("expected", expected)):
            for name in dict.fromkeys(slots_in(value)):
                if name not in file.slots:
                    known = ", ".join(file.slots) or "none yet"
                    hint = f"Slots: {known}. A brace is written {{{{ or }}}}."
                    self.say(f"there is no slot '{name}'", f"{where}.{part}", hint)
                elif missing := self.without(file.slots[name], fitting):
                    self.say(f"the slot '{name}' has no value for {missing}", f"{where}.{part}", "Add it, or 'any'.")
        for request in requests:
            for name in dict.fromkeys(slots_in(expected)):
                if name in file.slots and name not in slots_in(request):
                    message = f"the expected call needs '{name}', which the sentence '{request[:60]}' does not say"
                    self.say(
                        message, f"{where}.request", f"Write {{{name}}} into it, or make it a template of its own."
                    )

    @staticmethod
    def without(slot: Mapping[str, Sequence[SlotValue]], fitting: Sequence[Context]) -> str:
        """An OS among the contexts for which the slot has no value; empty when there is none."""
        bare = [context.os or "contexts without an OS" for context in fitting if not slot.get(context.os)]
        return bare[0] if bare and not slot.get(ANY) else ""

    def known_keys(self, row: Mapping[str, Any], known: Sequence[str], where: str) -> None:
        for key in row:
            if key not in known:
                self.say(f"'{key}' is not known here", f"{where}.{key}", f"Keys: {', '.join(known)}.")

    def table(self, value: Any, where: str) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        self.say("must be a table", where, hint=f"Write [{where}].")
        return {}

    def text(self, row: Mapping[str, Any], key: str, where: str) -> str:
        value = row.get(key, "")
        if isinstance(value, str):
            return value
        self.say("must be a text", f"{where}.{key}", "Write it in quotes.")
        return ""

    def words(self, row: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
        """One text or a list of them, none empty."""
        value = row.get(key, [])
        found = [value] if isinstance(value, str) else value
        if isinstance(found, list) and all(isinstance(one, str) and one.strip() for one in found):
            return tuple(dict.fromkeys(found))
        self.say("must be a text or a list of texts", f"{where}.{key}", "Write them in quotes.")
        return ()


class _Lines:
    """Where the parts of a TOML file stand. tomllib does not say, so headers and keys are sought in the text."""

    def __init__(self, text: str) -> None:
        self._found: dict[str, int] = {}
        place, counts, quote = "", {"context": 0, "template": 0}, ""
        for number, line in enumerate(text.splitlines(), 1):
            inside, quote = quote, _open_quote(line, quote)
            if inside:
                continue
            if header := _HEADER.match(line):
                name = header[1].replace('"', "").replace("'", "")
                place = f"{name}[{counts[name]}]" if name in counts else name
                counts[name] = counts.get(name, 0) + 1
                self._found.setdefault(place, number)
            elif key := _KEY.match(line):
                self._found.setdefault(f"{place}.{key[1]}" if place else key[1], number)

    def of(self, where: str) -> int:
        """The line of a field such as ``template[2].request``, or of what it stands in; 0 when not known."""
        while where:
            if where in self._found:
                return self._found[where]
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        return 0


def _dates(value: Any, where: str) -> Iterator[str]:
    """Where TOML's dates and times stand: JSON has none."""
    if isinstance(value, (date, time)):
        yield where
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _dates(item, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _dates(item, f"{where}[{i}]")


def _open_quote(line: str, quote: str) -> str:
    """The kind of multi-line text that is open at the end of a line; empty when none is."""
    for mark in re.findall(r'"""|\'\'\'', line):
        if not quote:
            quote = mark
        elif quote == mark:
            quote = ""
    return quote
