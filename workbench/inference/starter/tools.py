"""Random tools: an action on an object of an everyday domain, with arguments."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.inference.starter import values
from workbench.inference.starter.lexicon import Lexicon
from workbench.records import Tool

PRIMARY_KINDS = ("thing", "thing", "word", "word", "filename", "path", "host", "person", "phrase", "title", "code")
PRIMARY_NAMES = ("name", "item", "title", "target", "which", "id", "subject", "label", "entry", "what")
UNIT_NAMES = {"minutes": "How many minutes.", "hours": "How many hours.", "days": "How many days.",
              "seconds": "How many seconds."}  # fmt: skip

UNIT_JOINERS = (("in",), ("for",), ("in the last", "from the past", "over the last"), ("after",), ("within",))


@dataclass(frozen=True)
class Argument:
    """One argument of a generated tool.

    Attributes:
        draw: gives a value, the bare words of the value, and the phrase that says it in a request.
    """

    name: str
    schema: Mapping[str, Any]
    required: bool
    draw: Callable[[random.Random], tuple[Any, str, str]]


@dataclass(frozen=True)
class GeneratedTool:
    """A tool with the language that asks for it.

    Attributes:
        actions: the lexicon's action by the value of ``action_argument``; one entry under "" when the tool does one
            thing only.
        primary: the argument that stands where the object would ("close Firefox"), or None.
        rest: further arguments.
    """

    tool: Tool
    domain: Mapping[str, Any]
    target: Mapping[str, Any]
    actions: Mapping[str, Mapping[str, Any]]
    action_argument: str
    primary: Argument | None
    rest: tuple[Argument, ...]

    @property
    def verbs(self) -> frozenset[str]:
        return frozenset(action["names"][0] for action in self.actions.values())


def make_tools(rng: random.Random, lexicon: Lexicon, n: int, arguments: Sequence[int]) -> list[GeneratedTool]:
    """At most n tools with different names and purposes; often from few domains, so that they are alike."""
    domains = rng.sample(lexicon.domains, rng.choice((1, 2, 3)) if rng.random() < 0.5 else min(max(n, 2), 8))
    made: list[GeneratedTool] = []
    for _ in range(n * 6):
        if len(made) == n:
            break
        near = rng.choice(made) if made and rng.random() < 0.3 else None
        tool = make_tool(rng, lexicon, rng.choice(domains), near, rng.choice(arguments))
        if not any(_confusable(tool, other) for other in made):
            made.append(tool)
    return made


def _confusable(one: GeneratedTool, other: GeneratedTool) -> bool:
    """Whether a request for one could as well be meant for the other."""
    same = one.target["describe"] == other.target["describe"] and one.verbs & other.verbs
    return bool(same) or one.tool.name == other.tool.name


def make_tool(
    rng: random.Random, lexicon: Lexicon, domain: Mapping[str, Any], near: GeneratedTool | None, arguments: int
) -> GeneratedTool:
    """A tool of the domain; with ``near``, one that shares its object or its action.

    Args:
        arguments: how many, beside the one that names the object.
    """
    target, action = rng.choice(domain["objects"]), rng.choice(lexicon.actions)
    if near and rng.random() < 0.5:
        domain, target = near.domain, near.target
    elif near:
        action = rng.choice(list(near.actions.values()))
    if rng.random() < 0.15:
        return _tool_of_many_actions(rng, lexicon, domain, target, min(arguments, 1))
    primary = _primary(rng, lexicon, domain, target) if rng.random() < 0.6 else None
    rest = _rest(rng, lexicon, primary, arguments)
    description = rng.choice(action["describe"]).replace("{o}", target["describe"])
    name = _tool_name(rng, rng.choice(action["names"]), rng.choice(target["names"]))
    tool = _declare(rng, name, description, [primary, *rest])
    return GeneratedTool(tool, domain, target, {"": action}, "", primary, tuple(rest))


def _tool_of_many_actions(
    rng: random.Random, lexicon: Lexicon, domain: Mapping[str, Any], target: Mapping[str, Any], arguments: int
) -> GeneratedTool:
    """A tool whose enum argument says what to do, such as start, stop or check."""
    chosen = rng.sample(lexicon.actions, rng.choice((2, 3, 4, 5)))
    actions = {rng.choice(action["names"]): action for action in chosen}
    argument = rng.choice(("action", "operation", "do", "command", "verb"))
    schema = {"type": "string", "enum": list(actions), "description": rng.choice(("What to do.", "Which action."))}
    primary = _primary(rng, lexicon, domain, target) if rng.random() < 0.8 else None
    noun = rng.choice(target["names"])
    name = _tool_name(rng, rng.choice(("manage", "handle", "operate", "use", "run")), noun)
    listed = values.enumerate_words(rng, list(actions)).replace("_", " ")
    description = rng.choice(("{l} {o}.", "Manage {o}: {l}.", "Work with {o}.")).format(l=listed, o=target["describe"])
    fixed = Argument(argument, schema, True, lambda r: ("", "", ""))
    rest = _rest(rng, lexicon, primary, arguments)
    tool = _declare(rng, name, description[0].upper() + description[1:], [primary, fixed, *rest])
    return GeneratedTool(tool, domain, target, actions, argument, primary, tuple(rest))


def _tool_name(rng: random.Random, verb: str, noun: str) -> str:
    verb, noun = verb.replace(" ", "_"), noun.replace(" ", "_")
    style = rng.random()
    if style < 0.6:
        return f"{verb}_{noun}"
    if style < 0.7:
        return f"{noun}_{verb}"
    if style < 0.8:
        return f"{verb}_{noun}".title().replace("_", "")
    if style < 0.85:
        return f"{noun}.{verb}"
    if style < 0.9:
        return rng.choice((verb, noun))
    return values.invented(rng, 2)


def _declare(rng: random.Random, name: str, description: str, arguments: Sequence[Argument | None]) -> Tool:
    present = [argument for argument in arguments if argument]
    rng.shuffle(present)
    parameters = {
        "type": "object",
        "properties": {argument.name: dict(argument.schema) for argument in present},
        "required": [argument.name for argument in present if argument.required],
    }
    return Tool(name, description if rng.random() < 0.97 else "", parameters)


def _primary(rng: random.Random, lexicon: Lexicon, domain: Mapping[str, Any], target: Mapping[str, Any]) -> Argument:
    kind = rng.choice(PRIMARY_KINDS)
    noun = rng.choice(target["names"]).replace("_", " ")
    name = rng.choice((*PRIMARY_NAMES, kind if kind != "thing" else "name", noun.replace(" ", "_")))
    description = rng.choice((f"Which {noun}.", f"{noun.capitalize()} name.", f"Name of {target['describe']}.", ""))

    def draw(r: random.Random) -> tuple[Any, str, str]:
        value = r.choice(domain["things"]) if kind == "thing" and r.random() < 0.6 else ""
        value = value or values.text_value(r, lexicon, "word" if kind == "thing" else kind)
        return value, value, value

    return Argument(name, {"type": "string", "description": description}, rng.random() < 0.85, draw)


def _rest(rng: random.Random, lexicon: Lexicon, primary: Argument | None, n: int) -> list[Argument]:
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

    def draw(r: random.Random) -> tuple[Any, str, str]:
        value: Any
        if kind == "int":
            value, words = values.integer(r)
        elif kind == "float":
            value, words = values.decimal(r)
        elif kind == "list":
            value, words = values.listing(r, lexicon)
        else:
            value = words = values.text_value(r, lexicon, kind)
        return value, words, r.choice(entry["say"]).replace("{v}", words)

    return Argument(rng.choice(entry["names"]), schema, rng.random() < 0.45, draw)


def _enum(rng: random.Random, lexicon: Lexicon) -> Argument:
    entry = rng.choice(lexicon.enums)
    schema = {"type": "string", "enum": list(entry["values"]), "description": rng.choice(entry["describe"])}

    def draw(r: random.Random) -> tuple[Any, str, str]:
        value = r.choice(list(entry["values"]))
        words = r.choice(entry["values"][value])
        return value, words, r.choice(entry["say"]).replace("{v}", words)

    return Argument(rng.choice(entry["names"]), schema, rng.random() < 0.4, draw)


def _enum_list(rng: random.Random, lexicon: Lexicon) -> Argument:
    entry = rng.choice(lexicon.enums)
    items = {"type": "string", "enum": list(entry["values"])}
    schema = {"type": "array", "items": items, "description": rng.choice(entry["describe"])}

    def draw(r: random.Random) -> tuple[Any, str, str]:
        chosen = r.sample(list(entry["values"]), min(r.choice((1, 1, 2, 2, 3)), len(entry["values"])))
        words = values.enumerate_words(r, [r.choice(entry["values"][value]) for value in chosen])
        return chosen, words, r.choice(entry["say"]).replace("{v}", words)

    return Argument(rng.choice(entry["names"]), schema, rng.random() < 0.5, draw)


def _flag(rng: random.Random, lexicon: Lexicon) -> Argument:
    entry = rng.choice(lexicon.flags)

    def draw(r: random.Random) -> tuple[Any, str, str]:
        value = r.random() < 0.8 or not entry["false"]
        words = r.choice(entry["true" if value else "false"])
        return value, words, words

    schema = {"type": "boolean", "description": rng.choice(entry["describe"])}
    return Argument(rng.choice(entry["names"]), schema, False, draw)


def _duration(rng: random.Random, lexicon: Lexicon) -> Argument:
    """A count of time units, said in its own unit or a larger one."""
    unit = rng.choice(list(UNIT_NAMES))
    joiners = rng.choice(UNIT_JOINERS)

    def draw(r: random.Random) -> tuple[Any, str, str]:
        if r.random() < 0.3:
            value, words = r.choice(values.DURATIONS[unit])
        else:
            value, said = values.integer(r)
            words = f"{said} {unit if value != 1 else unit[:-1]}"
        return value, words, f"{r.choice(joiners)} {words}"

    name = rng.choice((unit, f"{joiners[0].split()[0]}_{unit}", f"last_{unit}", f"duration_{unit}"))
    return Argument(name, {"type": "integer", "description": UNIT_NAMES[unit]}, rng.random() < 0.5, draw)
