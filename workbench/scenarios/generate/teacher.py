"""Way ``teacher``: what to ask a large model for, and what of its answer can be used. Knows no network.

A question names one gap (a tool or NO_TOOL, an OS, a mode, a style) and asks for a few scenarios in JSON. Nothing of an
answer is mended: what is not exactly as asked, breaks the tool's schema, or hides a value that the call needs is a
reject with its reason.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workbench.records import NO_TOOL, Outcome, RecordError, Scenario, Toolset
from workbench.scenarios.generate.drafts import SHELLS, Context, draft, spaced
from workbench.scenarios.noise import texts
from workbench.scenarios.validate import check_scenario

STYLES = ("terse", "polite", "chatty", "question", "complaint", "typo", "indirect", "command")
PARAPHRASE = "paraphrase"
MOST_EXAMPLES = 4
LONGEST_REQUEST = 2_000
SHOWN_CHARACTERS = 300
_FENCE = re.compile(r"^```[a-zA-Z]*\s*\n(.*?)\n?```\s*$", re.DOTALL)

_RULES = """You write training data for a small model that picks the right tool for what a person says.
Answer with one JSON object and nothing else: {"scenarios": [{"request": "...", "expected": [...]}]}.
- "request": what a person types, in their own words. Never name a tool or an argument.
- "expected": the list of calls that must follow, each {"name": "...", "arguments": {...}}, or the text "NO_TOOL" when \
no tool can help.
- Every argument must satisfy the tool's schema. Leave out what the person does not ask for.
- Text that a call needs (names, paths, hosts, messages) must stand in the request letter by letter.
- Vary subject, length and wording; no two requests may share a sentence frame."""

_PARAPHRASE_RULES = """You reword what a person says to an assistant, so that a small model learns many wordings.
Answer with one JSON object and nothing else: {"requests": ["...", "..."]}.
- Each request must ask for exactly the same thing as the given one.
- These texts must stand in each request letter by letter: KEPT.
- Vary length, order and wording; no two requests may share a sentence frame."""


@dataclass(frozen=True)
class Gap:
    """What is missing: scenarios for one tool (or NO_TOOL) in a context and a style; or other wordings of ``of``.

    Attributes:
        of: id of the scenario to paraphrase; then the other fields are its own.
    """

    tool: str
    os: str = ""
    mode: str = ""
    style: str = ""
    shell: str = ""
    of: str = ""

    @property
    def context(self) -> Context:
        return Context(self.os, self.shell or SHELLS.get(self.os, ""), self.mode)

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Ask:
    """One question to the teacher, for ``count`` scenarios."""

    number: int
    gap: Gap
    count: int


@dataclass(frozen=True)
class Reject:
    """Something that the teacher wrote and that is of no use, with the reason."""

    text: str
    reason: str

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Harvest:
    """What one answer gave."""

    drafts: tuple[Scenario, ...] = ()
    rejects: tuple[Reject, ...] = ()


def gaps(
    tools: Sequence[str], oses: Sequence[str] = (), modes: Sequence[str] = (), styles: Sequence[str] = STYLES
) -> list[Gap]:
    """Every tool in every context; styles go round, so that each tool meets them all in time."""
    places = itertools.product(oses or ("",), modes or ("",), tools)
    return [Gap(tool, os, mode, styles[i % len(styles)] if styles else "") for i, (os, mode, tool) in enumerate(places)]


def asks(gaps: Sequence[Gap], each: int, seed: int, styles: Sequence[str] = STYLES) -> Iterator[Ask]:
    """Questions without end, the gaps in turn in a seeded order; ``number`` is the same in every run of a seed."""
    order = list(gaps)
    random.Random(f"{seed}").shuffle(order)
    for number in itertools.count() if order else ():
        turn, at = divmod(number, len(order))
        gap = order[at]
        if turn and gap.style in styles:
            style = styles[(styles.index(gap.style) + turn) % len(styles)]
            gap = Gap(gap.tool, gap.os, gap.mode, style, gap.shell, gap.of)
        yield Ask(number, gap, each)


def messages(ask: Ask, toolset: Toolset, known: Sequence[Scenario], seed: int) -> list[dict[str, str]]:
    """The chat that asks the question.

    Args:
        known: scenarios that may be shown as examples; never of the test split, which no model may see. For a
            paraphrase, the scenario itself must be among them.
    """
    if ask.gap.of:
        source = next(scenario for scenario in known if scenario.id == ask.gap.of)
        kept = ", ".join(json.dumps(text, ensure_ascii=False) for text in _kept(source)) or "none"
        system = _PARAPHRASE_RULES.replace("KEPT", kept)
        user = f"Give {ask.count} other wordings of this request:\n{source.request}"
        return [{"role": "system", "content": system}, {"role": "user", "content": user}]
    tools = json.dumps([tool.to_dict()["function"] for tool in toolset.tools], ensure_ascii=False)
    parts = [_wanted(ask, toolset)]
    if shown := _examples(ask, known, seed):
        parts.append(f"Requests of this kind that exist already; write others:\n{shown}")
    system = f"{_RULES}\n\nThe tools:\n{tools}"
    return [{"role": "system", "content": system}, {"role": "user", "content": "\n\n".join(parts)}]


def read(text: str, ask: Ask, toolset: Toolset, model: str, source: Scenario | None = None) -> Harvest:
    """The usable drafts of an answer and what is not.

    Args:
        source: the scenario that is paraphrased, where the ask is for that.
    """
    try:
        data = json.loads(_bare(text))
    except (ValueError, RecursionError):
        return _nothing(text, "the answer is not JSON")
    key = "requests" if ask.gap.of else "scenarios"
    rows = data.get(key) if isinstance(data, Mapping) else None
    if not isinstance(rows, list):
        return _nothing(text, f'the answer is no object with a list "{key}"')
    drafts, rejects = [], []
    for row in rows:
        try:
            made = _paraphrase(row, source, model) if source else _scenario(row, ask, toolset, model)
            reason = _unusable(made, ask, toolset, source)
        except (RecordError, RecursionError) as error:
            reason = str(error) if isinstance(error, RecordError) else "it is nested too deeply"
        if reason:
            rejects.append(Reject(_shown(row), reason))
        else:
            drafts.append(made)
    return Harvest(tuple(drafts), tuple(rejects))


def _wanted(ask: Ask, toolset: Toolset) -> str:
    gap = ask.gap
    lines = [f"Write {ask.count} scenarios."]
    if gap.tool == NO_TOOL:
        lines.append('In each, no tool can help: "expected" is "NO_TOOL". Make most of them near misses.')
    else:
        tool = toolset.tool(gap.tool)
        lines.append(f"Each must call {gap.tool} ({tool.description if tool else ''}).")
    if gap.os:
        shell = f" with the shell {gap.context.shell}" if gap.context.shell else ""
        lines.append(f"The person's computer runs {gap.os}{shell}: paths and names must fit.")
    lines += [f"The assistant is in the mode '{gap.mode}'."] if gap.mode else []
    lines += [f"Style of the requests: {gap.style}."] if gap.style else []
    return "\n".join(lines)


def _examples(ask: Ask, known: Sequence[Scenario], seed: int) -> str:
    fitting = [s for s in known if s.outcome.label == ask.gap.tool]
    chosen = random.Random(f"{seed}|{ask.number}").sample(fitting, min(len(fitting), MOST_EXAMPLES))
    rows = ({"request": s.request, "expected": s.outcome.to_value()} for s in chosen)
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def _bare(text: str) -> str:
    """The answer without a fence of backquotes around all of it, which many models put there."""
    text = text.strip()
    fence = _FENCE.match(text)
    return fence[1] if fence else text


def _scenario(row: Any, ask: Ask, toolset: Toolset, model: str) -> Scenario:
    if not isinstance(row, Mapping) or not isinstance(row.get("request"), str) or "expected" not in row:
        raise RecordError("", 'is no object with "request" and "expected"')
    if unknown := sorted(set(row) - {"request", "expected"}):
        raise RecordError(str(unknown[0]), "was not asked for")
    outcome = Outcome.from_value(row["expected"])
    tags = (ask.gap.style,) if ask.gap.style else ()
    return draft(toolset.name, spaced(row["request"]), outcome, ask.gap.context, f"generate:teacher:{model}", tags)


def _paraphrase(row: Any, source: Scenario, model: str) -> Scenario:
    if not isinstance(row, str):
        raise RecordError("", "is no text")
    context = Context(source.os, source.shell, source.mode)
    tags = (*source.tags, PARAPHRASE)
    made = draft(
        source.toolset,
        spaced(row),
        source.outcome,
        context,
        f"generate:teacher:{model}",
        tags,
        source.split,
        source.reasoning,
    )
    return Scenario.from_dict({**made.to_dict(), "history": [turn.to_dict() for turn in source.history]})


def _unusable(made: Scenario, ask: Ask, toolset: Toolset, source: Scenario | None) -> str:
    """Why a draft that could be read is of no use; empty when it is."""
    if not made.request or len(made.request) > LONGEST_REQUEST:
        return f"the request is empty or longer than {LONGEST_REQUEST:,} characters"
    if problems := check_scenario(made, toolset):
        return str(problems[0])
    names = {call.name for call in made.outcome.calls} or {NO_TOOL}
    if source is None and ask.gap.tool not in names:
        return f"it is about {made.outcome.label}, asked was for {ask.gap.tool}"
    needed = _hidden(made, toolset) if source is None else (t for t in _kept(source) if t not in made.request)
    return next((f"the request does not say '{text}'" for text in needed), "")


def _hidden(made: Scenario, toolset: Toolset) -> Iterator[str]:
    """Free texts of the calls that the request does not hold letter by letter."""
    for call in made.outcome.calls:
        tool = toolset.tool(call.name)
        for name, value in call.arguments.items():
            schema = tool.properties.get(name, {}) if tool else {}
            if (
                isinstance(value, str)
                and schema.get("type") == "string"
                and not {"enum", "const", "format"} & {*schema}
            ):
                yield from (text for text in texts(value) if text not in made.request)


def _kept(source: Scenario) -> list[str]:
    """Texts of the calls that stand in the request and must go on doing so."""
    found = (text for call in source.outcome.calls for text in texts(call.arguments))
    return list(dict.fromkeys(text for text in found if text in source.request))


def _nothing(text: str, reason: str) -> Harvest:
    return Harvest(rejects=(Reject(_shown(text), reason),))


def _shown(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        text = "(nested without end)"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
