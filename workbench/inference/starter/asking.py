"""What people say to have one tool called, and the arguments that follow from it. Knows one tool at a time."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.inference.starter.arguments import CONTENT_KINDS, FREE_KINDS, Argument
from workbench.inference.starter.lexicon import Lexicon
from workbench.inference.starter.phrasing import ROLE, Draft, expand
from workbench.inference.starter.tools import GeneratedTool, fixed_roles

CORRECTED = frozenset({"int", "number", "word", "person", "place", "day", "clock", "ref", "filename", "host", "small"})
"""Kinds of argument whose words people take back and say anew."""


@dataclass(frozen=True)
class Core:
    """The asking words with marks, and the call's arguments.

    Attributes:
        command: whether the words are a command, so that a sentence can be built around them.
    """

    text: str
    arguments: dict[str, Any]
    command: bool


def ask(rng: random.Random, lexicon: Lexicon, tool: GeneratedTool, draft: Draft, form: str) -> Core:
    """Words that ask for the tool.

    Args:
        form: ``literal`` (as the tool is named), ``ask`` or ``wish``; an archetype's sentences know no form.
    """
    arguments: dict[str, Any] = {}
    if tool.archetype:
        pattern = expand(rng, rng.choice(tool.sentences), roles=tool.roles)
        text, drawn = fill(rng, lexicon, tool, draft, pattern)
        arguments |= {tool.slots[role].name: value for role, value in drawn.items()}
        command = False
    else:
        text = _about_object(rng, lexicon, tool, draft, form, arguments)
        command = form != "wish"
    phrases = _phrases(rng, lexicon, tool, draft, arguments)
    before = [phrase for phrase in phrases if rng.random() < 0.12]
    after = [phrase for phrase in phrases if phrase not in before]
    text = "".join(f"{phrase}, " for phrase in before) + text
    for phrase in after:
        text = text.rstrip("?.") + rng.choice((" ", " ", " ", ", ", " - ", " / ", " and ")) + phrase
    return Core(text, arguments, command and not before)


def fill(
    rng: random.Random, lexicon: Lexicon, tool: GeneratedTool, draft: Draft, pattern: str
) -> tuple[str, dict[str, Any]]:
    """An archetype's sentence with marks for its object and values, and the values by role."""
    drawn: dict[str, Any] = {}
    for role in sorted(set(ROLE.findall(pattern))):
        drawn[role], words, _ = tool.slots[role].draw(rng)
        place = f"{{{role}}}"
        quoted = any(f"{quote}{place}{quote}" in pattern for quote in "\"'`")
        mark = draft.value(words) if quoted else say(rng, lexicon, draft, tool.slots[role], words)
        pattern = pattern.replace(place, mark)
    noun = rng.choice(tool.target["names"]).replace("_", " ")
    pattern = pattern.replace("{O}", draft.object(rng.choice(tool.target["say"])))
    return pattern.replace("{N}", draft.object(noun)), drawn


def say(rng: random.Random, lexicon: Lexicon, draft: Draft, argument: Argument, words: str) -> str:
    """A mark for the words of an argument: sometimes quoted, sometimes said after a slip of the tongue."""
    mark = draft.value(words)
    if argument.kind in FREE_KINDS and rng.random() < 0.2:
        return rng.choice((f'"{mark}"', f"'{mark}'", f"`{mark}`", f'"{mark}"'))
    if argument.kind in CORRECTED and rng.random() < 0.03:
        wrong = argument.draw(rng)[1]
        if wrong != words:
            slip = rng.choice(lexicon.scaffolds["correction"])
            return slip.replace("{wrong}", draft.value(wrong)).replace("{right}", mark)
    return mark


def _about_object(
    rng: random.Random, lexicon: Lexicon, tool: GeneratedTool, draft: Draft, form: str, arguments: dict[str, Any]
) -> str:
    """An action on an object, and the arguments that its words settle."""
    choice = rng.choice(list(tool.actions))
    action = tool.actions[choice]
    template = _own_words(tool, action) if form == "literal" else rng.choice(action[form])
    said = draft.object(tool.target["describe"] if form == "literal" else rng.choice(tool.target["say"]))
    if tool.action_argument:
        arguments[tool.action_argument] = choice
    if not tool.primary or not (tool.primary.required or rng.random() < 0.8):
        return template.replace("{o}", said)
    arguments[tool.primary.name], words, _ = tool.primary.draw(rng)
    quoted = say(rng, lexicon, draft, tool.primary, words)
    if tool.primary.kind in CONTENT_KINDS and rng.random() < 0.6:
        command = template.replace("{o}", said)
        return rng.choice(lexicon.scaffolds["content"]).replace("{c}", command).replace("{q}", quoted)
    noun = draft.object(rng.choice(tool.target["names"]).replace("_", " "))
    return template.replace("{o}", _named(rng, said, noun, quoted))


def _own_words(tool: GeneratedTool, action: Mapping[str, Any]) -> str:
    """The action as the tool's declaration says it."""
    said = tool.tool.description.lower()
    own = [line for line in action["describe"] if line.replace("{o}", tool.target["describe"]).lower() == said]
    return own[0][:1].lower() + own[0][1:].rstrip(".") if own else f"{action['names'][0].replace('_', ' ')} {{o}}"


def _named(rng: random.Random, said: str, noun: str, words: str) -> str:
    """The object by its name: bare, or beside its noun."""
    form = rng.choice(("{q}", "{q}", "{q}", "{s} {q}", "the {q} {n}", "the {n} {q}", "{s} called {q}", "{s} named {q}",
                       "{q}, {s}", "my {q} {n}", "{n} {q}", "{s}: {q}", "this {q} thing", "that {q} {n}", "{s} ({q})",
                       "our {q}", "{q} ({n})", "all of {q}", "good old {q}", "{s}, i mean {q}"))  # fmt: skip
    return form.format(q=words, s=said, n=noun)


def _phrases(
    rng: random.Random, lexicon: Lexicon, tool: GeneratedTool, draft: Draft, arguments: dict[str, Any]
) -> list[str]:
    """Phrases for the tool's further arguments, which are put in ``arguments``; an optional one is often left out."""
    phrases = []
    for argument in tool.rest:
        if not argument.required and rng.random() >= 0.45:
            continue
        value, words, phrase = argument.draw(rng)
        arguments[argument.name] = value
        mark = say(rng, lexicon, draft, argument, words)
        if argument.kind != "flag" and rng.random() < 0.15:
            name = argument.name.replace("_", " ")
            phrases.append(rng.choice(lexicon.scaffolds["argument"]).replace("{a}", name).replace("{v}", mark))
        else:
            phrases.append(phrase.replace("{v}", mark))
    rng.shuffle(phrases)
    return phrases


def several_names(
    rng: random.Random, lexicon: Lexicon, tool: GeneratedTool, draft: Draft
) -> tuple[str, list[dict[str, Any]]] | None:
    """One command for two or three named things, a call for each; None if the tool takes no single name."""
    if tool.archetype or not tool.primary or tool.primary.kind in CONTENT_KINDS or tool.action_argument:
        return None
    if any(argument.required for argument in tool.rest):
        return None
    drawn = [tool.primary.draw(rng) for _ in range(rng.choice((2, 2, 3)))]
    if len({words for _, words, _ in drawn}) < len(drawn):
        return None
    listed = [say(rng, lexicon, draft, tool.primary, words) for _, words, _ in drawn]
    joined = ", ".join(listed[:-1]) + rng.choice((" and ", " and also ", ", then ", " & ", " plus ")) + listed[-1]
    action = next(iter(tool.actions.values()))
    return rng.choice(action["ask"]).replace("{o}", joined), [{tool.primary.name: value} for value, _, _ in drawn]


def remark(rng: random.Random, lexicon: Lexicon, tool: GeneratedTool, draft: Draft) -> str:
    """Talk about the tool's subject that asks for nothing."""
    if tool.archetype:
        patterns: Sequence[str] = [line for line in tool.archetype["about"] if fixed_roles(line) <= set(tool.slots)]
        return fill(rng, lexicon, tool, draft, expand(rng, rng.choice(patterns)))[0]
    said = draft.object(rng.choice(tool.target["say"]))
    if tool.primary and rng.random() < 0.5:
        noun = draft.object(rng.choice(tool.target["names"]).replace("_", " "))
        said = _named(rng, said, noun, draft.value(tool.primary.draw(rng)[1]))
    return str(rng.choice(rng.choice(list(tool.actions.values()))["about"]).replace("{o}", said))
