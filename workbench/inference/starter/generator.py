"""Pretraining rows: a random toolset and requests to it, in other words than its declarations use.

It knows nothing of the toolsets that the product ships, nor of tokenizers or models.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from workbench.inference.starter.asking import ask, remark, several_names
from workbench.inference.starter.assistants import Assistant, draw_requests, draw_tools, load_assistants, retell
from workbench.inference.starter.lexicon import Lexicon, load_lexicon
from workbench.inference.starter.phrasing import Draft, around
from workbench.inference.starter.tools import GeneratedTool, disguised, make_tool, make_tools
from workbench.records import TRIGGER, ExpectedCall, Outcome, PromptProfile, Scenario, Tool, Toolset

Said = tuple[str, tuple[ExpectedCall, ...], str]
"""A request, its calls, and its frame."""
PLATFORMS = {"linux": ("bash", "zsh", "fish"), "macos": ("zsh", "bash"), "windows": ("powershell", "cmd"),
             "bsd": ("sh", "tcsh"), "android": ("sh",)}  # fmt: skip
NO_TOOL_SHARE, SEVERAL_SHARE = 0.15, 0.05
SENTENCES = ("indirect", "question", "wish", "complaint", "chat", "chat", "formal")
"""Kinds of sentence that a command may stand in."""


@dataclass(frozen=True)
class Row:
    """One toolset and requests to it: one prefix with many continuations.

    Attributes:
        frames: each request before typing noise, with ``_`` for what it is about and for its values.
    """

    toolset: Toolset
    scenarios: tuple[Scenario, ...]
    frames: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difficulty:
    """What rows are like.

    Attributes:
        fewest, most: tools a row.
        arguments: how many arguments a tool has beside the one that names its object; drawn from these.
        requests: scenarios a row.
        words: share of the lexicon's domains and actions that occur, 0 to 1.
        literal: share of requests that use the declaration's own words; the others use synonyms and idioms.
        invented: share of tools whose name says nothing of what they do.
        written: share of rows that are of written assistants; the others are generated.
    """

    fewest: int
    most: int
    arguments: tuple[int, ...] = (0, 0, 1, 1, 2, 3)
    requests: int = 24
    words: float = 1.0
    literal: float = 0.1
    invented: float = 0.1
    written: float = 0.0


def rows(
    seed: int, difficulty: Callable[[], Difficulty], assistants: Sequence[Assistant] | None = None
) -> Iterator[Row]:
    """Endless rows; the same seed gives the same rows. The difficulty is asked for before each row.

    Args:
        assistants: those that written rows are of; all of the lexicon's unless given.
    """
    rng, lexicon = random.Random(seed), load_lexicon()
    assistants = load_assistants() if assistants is None else assistants
    while True:
        now = difficulty()
        if rng.random() < now.written:
            yield written_row(rng, lexicon, assistants, now)
        else:
            yield make_row(rng, lexicon, now)


def make_row(rng: random.Random, lexicon: Lexicon, difficulty: Difficulty) -> Row:
    lexicon = lexicon.part(difficulty.words)
    n_tools = rng.randint(difficulty.fewest, difficulty.most)
    generated = make_tools(rng, lexicon, n_tools, difficulty.arguments)
    for i, made in enumerate(generated):
        if rng.random() < difficulty.invented:
            generated[i] = replace(made, tool=disguised(rng, made.tool))
    said = [_request(rng, lexicon, generated, difficulty.literal) for _ in range(difficulty.requests)]
    return _row(rng, [made.tool for made in generated], said)


def written_row(rng: random.Random, lexicon: Lexicon, assistants: Sequence[Assistant], difficulty: Difficulty) -> Row:
    """A row of what people said to written assistants."""
    chosen, tools = draw_tools(rng, assistants, rng.randint(difficulty.fewest, difficulty.most))
    drawn = draw_requests(rng, chosen, tools, difficulty.requests)
    said = [retell(rng, lexicon, assistant, scenario) for assistant, scenario in drawn]
    shown = {tool.name: disguised(rng, tool) if rng.random() < difficulty.invented else tool for tool in tools}
    renamed = [
        (text, tuple(replace(call, name=shown[call.name].name) for call in calls), frame) for text, calls, frame in said
    ]
    return _row(rng, list(shown.values()), renamed)


def _row(rng: random.Random, tools: Sequence[Tool], said: Sequence[Said]) -> Row:
    profile = PromptProfile("context" if rng.random() < 0.6 else "plain", {"default": TRIGGER})
    scenarios = []
    for i, (request, calls, _) in enumerate(said):
        os_name = rng.choice(list(PLATFORMS))
        shell = rng.choice(PLATFORMS[os_name])
        scenarios.append(Scenario(str(i), "generated", request, Outcome(calls), os_name, shell))
    return Row(Toolset("generated", tuple(tools), profile), tuple(scenarios), tuple(frame for _, _, frame in said))


def _request(rng: random.Random, lexicon: Lexicon, tools: Sequence[GeneratedTool], literal: float) -> Said:
    calls: tuple[ExpectedCall, ...] = ()
    draft = Draft()
    draw = rng.random()
    if draw < NO_TOOL_SHARE:
        text = _nothing(rng, lexicon, tools, draft)
    elif draw < NO_TOOL_SHARE + SEVERAL_SHARE:
        text, calls = _several(rng, lexicon, tools, draft)
    else:
        text, call = _one(rng, lexicon, rng.choice(tools), literal, draft)
        calls = (call,)
    request, frame = draft.finish(rng, lexicon, text)
    return request, calls, frame


def _one(
    rng: random.Random, lexicon: Lexicon, tool: GeneratedTool, literal: float, draft: Draft
) -> tuple[str, ExpectedCall]:
    """A full request for the tool, and the call it asks for."""
    form = "literal" if rng.random() < literal else rng.choices(("ask", "wish"), (0.65, 0.35))[0]
    core = ask(rng, lexicon, tool, draft, form)
    text = core.text
    if core.command and rng.random() < 0.35:
        text = around(rng, lexicon, text, SENTENCES)
    elif core.command and rng.random() < 0.5:
        text = f"{rng.choice(lexicon.openers)} {text}"
    if rng.random() < 0.2:
        remarks = [*tool.domain["asides"], *tool.target["trouble"]]
        text = rng.choice(remarks) + rng.choice((", ", ". ", " - ", " so ", "; ", " and ", "... ", "! ")) + text
    if rng.random() < 0.18:
        text += rng.choice((" ", ", ")) + rng.choice(lexicon.closers)
    elif rng.random() < 0.06:
        text += rng.choice((". ", ", ", " - ", " because ", " since ")) + rng.choice(tool.domain["asides"])
    return text, ExpectedCall(tool.tool.name, core.arguments)


def _several(
    rng: random.Random, lexicon: Lexicon, tools: Sequence[GeneratedTool], draft: Draft
) -> tuple[str, tuple[ExpectedCall, ...]]:
    chosen = [rng.choice(tools) for _ in range(rng.choice((2, 2, 2, 3)))]
    if rng.random() < 0.3 and (same := several_names(rng, lexicon, chosen[0], draft)):
        return same[0], tuple(ExpectedCall(chosen[0].tool.name, arguments) for arguments in same[1])
    parts = [ask(rng, lexicon, tool, draft, "ask") for tool in chosen]
    joiner = rng.choice((" and then ", " and ", ", then ", "; also ", ". and ", ", after that ", " plus ", ". ", " & "))
    calls = tuple(ExpectedCall(tool.tool.name, part.arguments) for tool, part in zip(chosen, parts, strict=True))
    return joiner.join(part.text.rstrip("?.") for part in parts), calls


def _nothing(rng: random.Random, lexicon: Lexicon, tools: Sequence[GeneratedTool], draft: Draft) -> str:
    """Chat, talk about a tool's subject, an action that is told or forbidden, or a wish that no tool here grants."""
    draw = rng.random()
    if draw < 0.25:
        return str(rng.choice(lexicon.chitchat))
    if draw < 0.5:
        return remark(rng, lexicon, rng.choice(tools), draft)
    commands = [tool for tool in tools if not tool.archetype]
    if draw < 0.7 and commands:
        core = ask(rng, lexicon, rng.choice(commands), draft, "ask")
        return around(rng, lexicon, core.text, ("nothing",)) if core.command else rng.choice(lexicon.chitchat)
    return _foreign(rng, lexicon, tools, draft)


def _foreign(rng: random.Random, lexicon: Lexicon, tools: Sequence[GeneratedTool], draft: Draft) -> str:
    """A full request for a tool that is not declared; half of them about an object that is."""
    verbs = frozenset().union(*(tool.verbs for tool in tools))
    near = rng.choice(tools)
    while True:
        tool = make_tool(rng, lexicon, rng.choice(lexicon.domains), None, rng.choice((0, 0, 1)))
        if tool.verbs & verbs:
            continue
        if rng.random() < 0.5:
            tool = replace(tool, target=near.target)
        return ask(rng, lexicon, tool, draft, "ask").text
