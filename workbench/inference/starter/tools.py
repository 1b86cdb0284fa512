"""Random tools: an action on an object of an everyday domain, with arguments."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.inference.starter import values
from workbench.inference.starter.arguments import Argument, of_archetype, primary, rest
from workbench.inference.starter.lexicon import Lexicon
from workbench.inference.starter.phrasing import ROLE
from workbench.records import Tool

ARCHETYPE_SHARE = 0.55
"""Share of tools that are made from an archetype; the others do any action to any object."""


@dataclass(frozen=True)
class GeneratedTool:
    """A tool with the language that asks for it.

    Attributes:
        actions: the lexicon's action by the value of ``action_argument``; one entry under "" when the tool does one
            thing only.
        primary: the argument that stands where the object would ("close Firefox"), or None.
        rest: further arguments.
        archetype: the lexicon's archetype, empty for a tool that does an action to an object.
        slots: the archetype's arguments by role, also those that this tool does not have.
    """

    tool: Tool
    domain: Mapping[str, Any]
    target: Mapping[str, Any]
    actions: Mapping[str, Mapping[str, Any]]
    action_argument: str
    primary: Argument | None
    rest: tuple[Argument, ...]
    archetype: Mapping[str, Any] = field(default_factory=dict)
    slots: Mapping[str, Argument] = field(default_factory=dict)

    @property
    def verbs(self) -> frozenset[str]:
        """What the tool does, in words that can be compared with other tools'."""
        done = [action["names"][0] for action in self.actions.values()]
        return frozenset((*done, *self.archetype.get("like", ()), *self.archetype.get("names", ())[:1]))

    @property
    def roles(self) -> frozenset[str]:
        """Roles of the archetype that this tool has an argument for."""
        return frozenset(role for role, slot in self.slots.items() if slot.name in self.tool.properties)

    @property
    def sentences(self) -> list[str]:
        """The archetype's patterns that need no argument which this tool lacks."""
        return [line for line in self.archetype.get("say", ()) if fixed_roles(line) <= self.roles]

    @property
    def names_object(self) -> bool:
        """Whether each request to it says what it is about, so that two such tools can be told apart."""
        return all("{O}" in outside(line) or "{N}" in outside(line) for line in self.archetype.get("say", ()))


def outside(pattern: str) -> str:
    """A pattern without what may be left out."""
    while "[" in pattern:
        pattern = re.sub(r"\[[^\[\]]*\]", "", pattern)
    return pattern


def fixed_roles(pattern: str) -> frozenset[str]:
    """Roles that a pattern says in any case."""
    return frozenset(ROLE.findall(outside(pattern)))


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
    if one.tool.name == other.tool.name:
        return True
    shared = bool(one.verbs & other.verbs)
    if one.archetype and one.archetype is other.archetype and not one.names_object:
        return True
    return shared and one.target["describe"] == other.target["describe"]


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
    elif near and near.archetype:
        return _tool_of_archetype(rng, lexicon, domain, target, near.archetype)
    elif near:
        action = rng.choice(list(near.actions.values()))
    if rng.random() < ARCHETYPE_SHARE:
        return _tool_of_archetype(rng, lexicon, domain, target, rng.choice(lexicon.archetypes))
    if rng.random() < 0.15:
        return _tool_of_many_actions(rng, lexicon, domain, target, min(arguments, 1))
    first = primary(rng, lexicon, domain, target) if rng.random() < 0.6 else None
    more = rest(rng, lexicon, first, arguments)
    description = rng.choice(action["describe"]).replace("{o}", target["describe"])
    name = _tool_name(rng, rng.choice(action["names"]), rng.choice(target["names"]))
    tool = _declare(rng, name, description, [first, *more])
    return GeneratedTool(tool, domain, target, {"": action}, "", first, tuple(more))


def _tool_of_many_actions(
    rng: random.Random, lexicon: Lexicon, domain: Mapping[str, Any], target: Mapping[str, Any], arguments: int
) -> GeneratedTool:
    """A tool whose enum argument says what to do, such as start, stop or check."""
    chosen = rng.sample(lexicon.actions, rng.choice((2, 3, 4, 5)))
    actions = {rng.choice(action["names"]): action for action in chosen}
    argument = rng.choice(("action", "operation", "do", "command", "verb"))
    schema = {"type": "string", "enum": list(actions), "description": rng.choice(("What to do.", "Which action."))}
    first = primary(rng, lexicon, domain, target) if rng.random() < 0.8 else None
    noun = rng.choice(target["names"])
    name = _tool_name(rng, rng.choice(("manage", "handle", "operate", "use", "run")), noun)
    listed = values.enumerate_words(rng, list(actions)).replace("_", " ")
    description = rng.choice(("{l} {o}.", "Manage {o}: {l}.", "Work with {o}.")).format(l=listed, o=target["describe"])
    fixed = Argument(argument, schema, True, lambda r: ("", "", ""), "enum")
    more = rest(rng, lexicon, first, arguments)
    tool = _declare(rng, name, description[0].upper() + description[1:], [first, fixed, *more])
    return GeneratedTool(tool, domain, target, actions, argument, first, tuple(more))


def _tool_of_archetype(
    rng: random.Random, lexicon: Lexicon, domain: Mapping[str, Any], target: Mapping[str, Any], kind: Mapping[str, Any]
) -> GeneratedTool:
    """A tool as an archetype describes it, with some of its optional arguments and now and then a random one."""
    slots: dict[str, Argument] = {}
    for role, entry in kind.get("args", {}).items():
        slot = of_archetype(rng, lexicon, entry)
        while slot.name in {other.name for other in slots.values()}:
            slot = of_archetype(rng, lexicon, entry)
        slots[role] = slot
    declared = [slot for slot in slots.values() if slot.required or rng.random() < 0.7]
    if not any(fixed_roles(line) <= {role for role in slots if slots[role] in declared} for line in kind["say"]):
        declared = list(slots.values())
    more = rest(rng, lexicon, None, 1) if rng.random() < 0.15 else []
    more = [argument for argument in more if argument.name not in {slot.name for slot in slots.values()}]
    name = rng.choice(kind["names"]).replace("{o}", rng.choice(target["names"]).replace(" ", "_"))
    style = rng.random()
    if style < 0.12:
        name = name.title().replace("_", "")
    elif style < 0.17:
        name = values.invented(rng, 2)
    elif style < 0.22:
        name = name.replace("_", ".", 1)
    description = rng.choice(kind["describe"]).replace("{o}", target["describe"])
    tool = _declare(rng, name, description, [*declared, *more])
    return GeneratedTool(tool, domain, target, {}, "", None, tuple(more), kind, slots)


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


def disguised(rng: random.Random, tool: Tool) -> Tool:
    """The same tool under an invented name; mostly with a description in lower case, as requests are."""
    name = "_".join(values.invented(rng, n) for n in rng.choice(((2,), (2,), (3,), (1, 1), (1, 2))))
    said = tool.description
    said = said[:1].lower() + said[1:] if rng.random() < 0.6 else said
    return replace(tool, name=name, description=said)


def _declare(rng: random.Random, name: str, description: str, arguments: Sequence[Argument | None]) -> Tool:
    present = [argument for argument in arguments if argument]
    rng.shuffle(present)
    parameters = {
        "type": "object",
        "properties": {argument.name: dict(argument.schema) for argument in present},
        "required": [argument.name for argument in present if argument.required],
    }
    return Tool(name, description if rng.random() < 0.97 else "", parameters)
