"""Pretraining rows: a random toolset and requests to it, in other words than its declarations use.

It knows nothing of the toolsets that the product ships, nor of tokenizers or models.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.inference.starter.lexicon import Lexicon, load_lexicon
from workbench.inference.starter.tools import GeneratedTool, make_tool, make_tools
from workbench.records import TRIGGER, ExpectedCall, Outcome, PromptProfile, Scenario, Toolset

PLATFORMS = {"linux": ("bash", "zsh", "fish"), "macos": ("zsh", "bash"), "windows": ("powershell", "cmd"),
             "bsd": ("sh", "tcsh"), "android": ("sh",)}  # fmt: skip
NO_TOOL_SHARE, SEVERAL_SHARE = 0.15, 0.05
PRIVATE_USE = 0xE000
"""First of the characters that stand for protected words while noise is added; no lexicon word has them."""


@dataclass(frozen=True)
class Row:
    """One toolset and requests to it: one prefix with many continuations."""

    toolset: Toolset
    scenarios: tuple[Scenario, ...]


@dataclass(frozen=True)
class Difficulty:
    """What rows are like.

    Attributes:
        fewest, most: tools a row.
        arguments: how many arguments a tool has beside the one that names its object; drawn from these.
        requests: scenarios a row.
        words: share of the lexicon's domains and actions that occur, 0 to 1.
        literal: share of requests that use the declaration's own words; the others use synonyms and idioms.
    """

    fewest: int
    most: int
    arguments: tuple[int, ...] = (0, 0, 1, 1, 2, 3)
    requests: int = 24
    words: float = 1.0
    literal: float = 0.1


def rows(seed: int, difficulty: Callable[[], Difficulty]) -> Iterator[Row]:
    """Endless rows; the same seed gives the same rows. The difficulty is asked for before each row."""
    rng, lexicon = random.Random(seed), load_lexicon()
    while True:
        yield make_row(rng, lexicon, difficulty())


def make_row(rng: random.Random, lexicon: Lexicon, difficulty: Difficulty) -> Row:
    lexicon = lexicon.part(difficulty.words)
    n_tools = rng.randint(difficulty.fewest, difficulty.most)
    generated = make_tools(rng, lexicon, n_tools, difficulty.arguments)
    profile = PromptProfile("context" if rng.random() < 0.6 else "plain", {"default": TRIGGER})
    toolset = Toolset("generated", tuple(item.tool for item in generated), profile)
    scenarios = (_scenario(rng, lexicon, generated, str(i), difficulty.literal) for i in range(difficulty.requests))
    return Row(toolset, tuple(scenarios))


def _scenario(
    rng: random.Random, lexicon: Lexicon, tools: Sequence[GeneratedTool], name: str, literal: float
) -> Scenario:
    os_name = rng.choice(list(PLATFORMS))
    calls: tuple[ExpectedCall, ...] = ()
    draw = rng.random()
    if draw < NO_TOOL_SHARE:
        request = _nothing(rng, lexicon, tools)
    elif draw < NO_TOOL_SHARE + SEVERAL_SHARE:
        request, calls = _several(rng, lexicon, tools)
    else:
        request, call = _one(rng, lexicon, rng.choice(tools), literal)
        calls = (call,)
    return Scenario(name, "generated", request, Outcome(calls), os_name, rng.choice(PLATFORMS[os_name]))


def _one(rng: random.Random, lexicon: Lexicon, tool: GeneratedTool, literal: float) -> tuple[str, ExpectedCall]:
    """A full request for the tool, and the call it asks for."""
    form = "literal" if rng.random() < literal else rng.choices(("ask", "wish"), (0.65, 0.35))[0]
    core, arguments, kept = _core(rng, tool, form)
    openers = [f"{rng.choice(lexicon.openers)} "] if rng.random() < (0.05 if form == "wish" else 0.5) else []
    if rng.random() < 0.2:
        remarks = [*tool.domain["asides"], *tool.target["trouble"]]
        openers.insert(0, rng.choice(remarks) + rng.choice((", ", ". ", " - ", " so ", "; ", " and ")))
    closers = [rng.choice((" ", ", ")) + rng.choice(lexicon.closers)] if rng.random() < 0.25 else []
    request = noisy(rng, lexicon, "".join((*openers, core, *closers)), kept)
    return request, ExpectedCall(tool.tool.name, arguments)


def _core(rng: random.Random, tool: GeneratedTool, form: str) -> tuple[str, dict[str, Any], list[str]]:
    """The asking words, the arguments, and the words that noise must not touch.

    Args:
        form: ``literal`` (as the tool is named), ``ask`` or ``wish``.
    """
    choice = rng.choice(list(tool.actions))
    action = tool.actions[choice]
    template = "{verb} {{o}}".format(verb=action["names"][0]) if form == "literal" else rng.choice(action[form])
    said = tool.target["describe"] if form == "literal" else rng.choice(tool.target["say"])
    arguments: dict[str, Any] = {}
    kept: list[str] = []
    if tool.action_argument:
        arguments[tool.action_argument] = choice
    if tool.primary and (tool.primary.required or rng.random() < 0.8):
        value, words, _ = tool.primary.draw(rng)
        arguments[tool.primary.name] = value
        kept.append(words)
        said = _named(rng, said, rng.choice(tool.target["names"]).replace("_", " "), words)
    phrases, more = _phrases(rng, tool)
    for name, (value, words) in more.items():
        arguments[name] = value
        kept.append(words)
    core = template.replace("{o}", said)
    before = [phrase for phrase in phrases if rng.random() < 0.12]
    after = [phrase for phrase in phrases if phrase not in before]
    core = "".join(f"{phrase}, " for phrase in before) + core
    for phrase in after:
        core += rng.choice((" ", " ", " ", ", ", " - ")) + phrase
    return core, arguments, kept


def _named(rng: random.Random, said: str, noun: str, words: str) -> str:
    """The object by its name: bare, quoted, or beside its noun."""
    quoted = rng.choice((f'"{words}"', f"'{words}'")) if rng.random() < 0.12 else words
    form = rng.choice(("{q}", "{q}", "{q}", "{s} {q}", "the {q} {n}", "the {n} {q}", "{s} called {q}", "{s} named {q}",
                       "{q}, {s}", "my {q} {n}", "{n} {q}", "{s}: {q}"))  # fmt: skip
    return form.format(q=quoted, s=said, n=noun)


def _phrases(rng: random.Random, tool: GeneratedTool) -> tuple[list[str], dict[str, tuple[Any, str]]]:
    phrases, found = [], {}
    for argument in tool.rest:
        if argument.required or rng.random() < 0.45:
            value, words, phrase = argument.draw(rng)
            phrases.append(phrase)
            found[argument.name] = (value, words)
    rng.shuffle(phrases)
    return phrases, found


def _several(
    rng: random.Random, lexicon: Lexicon, tools: Sequence[GeneratedTool]
) -> tuple[str, tuple[ExpectedCall, ...]]:
    chosen = [rng.choice(tools) for _ in range(rng.choice((2, 2, 2, 3)))]
    parts = [_core(rng, tool, "ask") for tool in chosen]
    joiner = rng.choice((" and then ", " and ", ", then ", "; also ", ". and ", ", after that ", " plus "))
    kept = [words for _, _, words_of in parts for words in words_of]
    calls = tuple(ExpectedCall(tool.tool.name, part[1]) for tool, part in zip(chosen, parts, strict=True))
    return noisy(rng, lexicon, joiner.join(part[0] for part in parts), kept), calls


def _nothing(rng: random.Random, lexicon: Lexicon, tools: Sequence[GeneratedTool]) -> str:
    """Chat, talk about a tool's subject, or a wish that no tool here grants."""
    draw = rng.random()
    if draw < 0.35:
        request = rng.choice(lexicon.chitchat)
    elif draw < 0.7:
        tool = rng.choice(tools)
        about = rng.choice(rng.choice(list(tool.actions.values()))["about"])
        request = about.replace("{o}", rng.choice(tool.target["say"]))
    else:
        request = _foreign(rng, lexicon, tools)
    return noisy(rng, lexicon, request, [])


def _foreign(rng: random.Random, lexicon: Lexicon, tools: Sequence[GeneratedTool]) -> str:
    """A request for a tool that is not declared; half of them about an object that is."""
    verbs = frozenset().union(*(tool.verbs for tool in tools))
    near = rng.choice(tools)
    while True:
        tool = make_tool(rng, lexicon, rng.choice(lexicon.domains), None, 0)
        if tool.verbs & verbs:
            continue
        said = rng.choice((near if rng.random() < 0.5 else tool).target["say"])
        action = rng.choice(list(tool.actions.values()))
        return str(rng.choice(action["ask"]).replace("{o}", said))


def noisy(rng: random.Random, lexicon: Lexicon, text: str, kept: Sequence[str]) -> str:
    """Case, punctuation and spelling as people type them; the kept words stay as they are."""
    longest_first = sorted({words for words in kept if words}, key=lambda words: (-len(words), words))
    marks = {chr(PRIVATE_USE + i): words for i, words in enumerate(longest_first)}
    for mark, words in marks.items():
        text = text.replace(words, mark)
    if rng.random() < 0.25:
        text = " ".join(_misspelt(rng, lexicon, token) for token in text.split(" "))
    style = rng.random()
    if style < 0.3:
        text = text[:1].upper() + text[1:]
    elif style < 0.33:
        text = re.sub(r"[a-z]+", lambda match: match.group().upper(), text)
    if rng.random() < 0.3 and text[-1:].isalnum():
        text += rng.choice((".", "!", "?", "...", "!!", " :)"))
    for mark, words in marks.items():
        text = text.replace(mark, words)
    return text


def _misspelt(rng: random.Random, lexicon: Lexicon, token: str) -> str:
    if not token.isalpha():
        return token
    if token in lexicon.typos and rng.random() < 0.35:
        return rng.choice(lexicon.typos[token])
    if len(token) < 4 or rng.random() > 0.12:
        return token
    at = rng.randrange(1, len(token) - 1)
    kind = rng.random()
    if kind < 0.4:
        return token[:at] + token[at + 1] + token[at] + token[at + 2 :]
    if kind < 0.75:
        return token[:at] + token[at + 1 :]
    return token[:at] + token[at] + token[at:]
