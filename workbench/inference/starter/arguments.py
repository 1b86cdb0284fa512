"""Random arguments of generated tools: a schema, values that satisfy it, and the words that say them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.inference.starter import numbers, values
from workbench.inference.starter.lexicon import Lexicon

PRIMARY_KINDS = ("thing", "thing", "word", "word", "filename", "path", "host", "person", "phrase", "title", "code",
                 "ref", "url", "goods", "term", "version", "email", "address")  # fmt: skip
PRIMARY_NAMES = ("name", "item", "title", "target", "which", "id", "subject", "label", "entry", "what")
CONTENT_KINDS = frozenset({"phrase", "title", "term", "chore"})
"""Kinds of text that people put after a colon or in quotes rather than use as a name."""
FREE_KINDS = CONTENT_KINDS | {"word", "goods", "filename", "thing"}
"""Kinds of text that people quote now and then."""
UNIT_NAMES = {"minutes": "How many minutes.", "hours": "How many hours.", "days": "How many days.",
              "seconds": "How many seconds."}  # fmt: skip
UNIT_JOINERS = (("in",), ("for",), ("in the last", "from the past", "over the last"), ("after",), ("within",))
SHORT_UNITS = {"minutes": ("min", "mins", "minutes"), "hours": ("h", "hrs", "hours"), "days": ("d", "days"),
               "seconds": ("s", "sec", "secs")}  # fmt: skip
NUMBERS: Mapping[str, Callable[[random.Random], tuple[float, str]]] = {
    "int": numbers.integer, "number": numbers.number, "float": numbers.decimal, "money": numbers.money,
    "weight": numbers.weight,
}  # fmt: skip

Drawn = tuple[Any, str, str]
"""A value, its bare words, and the phrase that says it in a request, with ``{v}`` for the words."""


@dataclass(frozen=True)
class Argument:
    """One argument of a generated tool.

    Attributes:
        draw: gives a value and what is said of it.
        kind: what sort of words they are: a kind of ``values``, ``enum``, ``flag``, ``list`` or ``duration``.
    """

    name: str
    schema: Mapping[str, Any]
    required: bool
    draw: Callable[[random.Random], Drawn]
    kind: str


def of_archetype(rng: random.Random, lexicon: Lexicon, entry: Mapping[str, Any]) -> Argument:
    """An argument as ``archetypes.toml`` describes it."""
    kind, _, unit = entry["kind"].partition(":")
    schema: dict[str, Any] = {"type": "string", "description": rng.choice((*entry["describe"], *entry["describe"], ""))}
    chosen = dict(entry.get("values", {}))
    if kind == "enum":
        chosen = {key: chosen[key] for key in rng.sample(list(chosen), min(entry["pick"], len(chosen)))}
        schema["enum"] = list(chosen)
    elif kind in ("list", "people"):
        schema |= {"type": "array", "items": {"type": "string"}}
    elif kind == "flag":
        schema["type"] = "boolean"
    elif kind in ("int", "small", "duration"):
        schema["type"] = "integer"
    elif kind in NUMBERS:
        schema["type"] = "number"

    def draw(r: random.Random) -> Drawn:
        value, words = _draw_archetype(r, lexicon, entry, kind, unit, chosen)
        return value, words, "{v}"

    return Argument(rng.choice(entry["names"]), schema, not entry.get("optional", False), draw, kind)


def _draw_archetype(
    rng: random.Random, lexicon: Lexicon, entry: Mapping[str, Any], kind: str, unit: str, chosen: Mapping[str, Any]
) -> tuple[Any, str]:
    if kind == "enum":
        value = rng.choice(list(chosen))
        return value, rng.choice(chosen[value])
    if kind == "flag":
        truth = rng.random() < 0.75
        return truth, rng.choice(entry["true" if truth else "false"])
    if kind == "list":
        return values.listing(rng, lexicon)
    if kind == "people":
        return values.people(rng, lexicon)
    if kind == "small":
        n = rng.randint(1, 10)
        return n, rng.choice((str(n), numbers.NUMBER_WORDS[n]))
    if kind == "duration":
        return span(rng, unit)
    if kind in NUMBERS:
        return NUMBERS[kind](rng)
    text = values.text_value(rng, lexicon, kind)
    return text, text


def span(rng: random.Random, unit: str) -> tuple[int, str]:
    """A count of time units, said in its own unit, short or long, or in a larger one."""
    if rng.random() < 0.35:
        return rng.choice(numbers.DURATIONS[unit])
    value, said = numbers.integer(rng)
    if said[-1:].isdigit() and rng.random() < 0.25:
        return value, said + rng.choice(("", " ")) + rng.choice(SHORT_UNITS[unit])
    return value, f"{said} {unit if value != 1 else unit[:-1]}"


def primary(rng: random.Random, lexicon: Lexicon, domain: Mapping[str, Any], target: Mapping[str, Any]) -> Argument:
    kind = rng.choice(PRIMARY_KINDS)
    noun = rng.choice(target["names"]).replace("_", " ")
    name = rng.choice((*PRIMARY_NAMES, kind if kind != "thing" else "name", noun.replace(" ", "_")))
    description = rng.choice((f"Which {noun}.", f"{noun.capitalize()} name.", f"Name of {target['describe']}.", ""))

    def draw(r: random.Random) -> Drawn:
        value = r.choice(domain["things"]) if kind == "thing" and r.random() < 0.6 else ""
        value = value or values.text_value(r, lexicon, "word" if kind == "thing" else kind)
        return value, value, "{v}"

    return Argument(name, {"type": "string", "description": description}, rng.random() < 0.85, draw, kind)


def rest(rng: random.Random, lexicon: Lexicon, primary: Argument | None, n: int) -> list[Argument]:
    """n further arguments with different names."""
    found: list[Argument] = []
    for _ in range(n * 4):
        if len(found) == n:
            break
        maker = rng.choices((_text_or_number, _enum, _flag, _duration, _enum_list), (0.42, 0.24, 0.16, 0.1, 0.08))[0]
        argument = maker(rng, lexicon)
        if argument.name not in {other.name for other in (*found, *([primary] if primary else ()))}:
            found.append(argument)
    return found


def _text_or_number(rng: random.Random, lexicon: Lexicon) -> Argument:
    entry = rng.choice(lexicon.params)
    kind = entry["kind"]
    json_type = {"int": "integer", "float": "number", "list": "array"}.get(kind, "string")
    schema: dict[str, Any] = {"type": json_type, "description": rng.choice(entry["describe"])}
    if kind == "list":
        schema["items"] = {"type": "string"}

    def draw(r: random.Random) -> Drawn:
        value: Any
        if kind == "int":
            value, words = numbers.integer(r)
        elif kind == "float":
            value, words = numbers.decimal(r)
        elif kind == "list":
            value, words = values.listing(r, lexicon)
        else:
            value = words = values.text_value(r, lexicon, kind)
        return value, words, r.choice(entry["say"])

    return Argument(rng.choice(entry["names"]), schema, rng.random() < 0.45, draw, kind)


def _enum(rng: random.Random, lexicon: Lexicon) -> Argument:
    entry = rng.choice(lexicon.enums)
    schema = {"type": "string", "enum": list(entry["values"]), "description": rng.choice(entry["describe"])}

    def draw(r: random.Random) -> Drawn:
        value = r.choice(list(entry["values"]))
        words = r.choice(entry["values"][value])
        return value, words, r.choice(entry["say"])

    return Argument(rng.choice(entry["names"]), schema, rng.random() < 0.4, draw, "enum")


def _enum_list(rng: random.Random, lexicon: Lexicon) -> Argument:
    entry = rng.choice(lexicon.enums)
    items = {"type": "string", "enum": list(entry["values"])}
    schema = {"type": "array", "items": items, "description": rng.choice(entry["describe"])}

    def draw(r: random.Random) -> Drawn:
        chosen = r.sample(list(entry["values"]), min(r.choice((1, 1, 2, 2, 3)), len(entry["values"])))
        words = values.enumerate_words(r, [r.choice(entry["values"][value]) for value in chosen])
        return chosen, words, r.choice(entry["say"])

    return Argument(rng.choice(entry["names"]), schema, rng.random() < 0.5, draw, "list")


def _flag(rng: random.Random, lexicon: Lexicon) -> Argument:
    entry = rng.choice(lexicon.flags)

    def draw(r: random.Random) -> Drawn:
        value = r.random() < 0.8 or not entry["false"]
        words = r.choice(entry["true" if value else "false"])
        return value, words, "{v}"

    schema = {"type": "boolean", "description": rng.choice(entry["describe"])}
    return Argument(rng.choice(entry["names"]), schema, False, draw, "flag")


def _duration(rng: random.Random, lexicon: Lexicon) -> Argument:
    """A count of time units, said in its own unit or a larger one."""
    unit = rng.choice(list(UNIT_NAMES))
    joiners = rng.choice(UNIT_JOINERS)

    def draw(r: random.Random) -> Drawn:
        value, words = span(r, unit)
        return value, words, f"{r.choice(joiners)} {{v}}"

    name = rng.choice((unit, f"{joiners[0].split()[0]}_{unit}", f"last_{unit}", f"duration_{unit}"))
    return Argument(name, {"type": "integer", "description": UNIT_NAMES[unit]}, rng.random() < 0.5, draw, "duration")
