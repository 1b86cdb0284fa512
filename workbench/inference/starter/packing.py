"""Rows for pretraining: a generated toolset and its requests as one prefix tree of tokens, with targets and a guide."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import torch
from transformers import PreTrainedTokenizerFast

from workbench.dialects import get_dialect
from workbench.dialects.functiongemma import ESCAPE, TURN_END
from workbench.inference.attention import Block
from workbench.inference.packed import Packed
from workbench.inference.starter.generator import Row
from workbench.inference.starter.guidance import Guide, GuidedPlan
from workbench.records import NO_TOOL, Scenario, Toolset
from workbench.scenarios.alternatives import alternatives, first_difference
from workbench.scenarios.messages import to_messages

OTHER_SHARE, OTHER_WEIGHT = 0.15, 0.2
"""Share of the non-completion tokens that carry a language-modelling loss, and its weight."""
NAME_WEIGHT, DECISION_WEIGHT = 4.0, 3.0
"""Loss weights of the tokens that choose the tool, and of those that choose an argument or its value: there are few of
them, and all depends on them."""
LONGEST_CONTINUATION = 160
BLOCKS = 4
MOST_GUIDED = 400
"""Words of requests, and half as many tokens of declarations, that a guide speaks of."""
BEFORE_REQUEST = ("\nQuery: ", "user\n")
"""Tokens behind which a request begins."""


T = TypeVar("T")


@dataclass(frozen=True)
class Tail:
    """What follows the prefix: the rest of a prompt, its reply, the indices of the tools that are called, and where in
    the reply arguments are decided."""

    prompt: list[int]
    reply: list[int]
    tools: list[int]
    decided: frozenset[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.reply)


def texts(row: Row) -> tuple[str, list[tuple[str, str]]]:
    """The row's shared prefix, and for each scenario the rest of its prompt and its completion."""
    dialect = get_dialect("functiongemma")
    prefix, found = "", []
    for scenario in row.scenarios:
        prompt = dialect.render_prompt(to_messages(scenario, row.toolset), row.toolset.tools)
        cut = prompt.index(f"{TURN_END}\n") + len(TURN_END) + 1
        prefix = prompt[:cut]
        found.append((prompt[cut:], dialect.render_reply([c.call for c in scenario.outcome.calls], NO_TOOL)))
    return prefix, found


def pack(row: Row, tokenizer: PreTrainedTokenizerFast, rng: random.Random, guided: bool = True) -> Packed:
    """A row as one prefix tree; continuations of similar length share a block, so that little is padding.

    Without ``guided`` its plan has no guide, and nothing is watched.
    """
    prefix, pairs = texts(row)
    head = encode(tokenizer, prefix)
    order = {tool.name: i for i, tool in enumerate(row.toolset.tools)}
    wanted = [[order[call.call.name] for call in scenario.outcome.calls] for scenario in row.scenarios]
    tails = [
        Tail(encode(tokenizer, a), encode(tokenizer, b), w, decisions(tokenizer, b, scenario, row.toolset))
        for (a, b), w, scenario in zip(pairs, wanted, row.scenarios, strict=True)
    ]
    tails = sorted((tail for tail in tails if len(tail) <= LONGEST_CONTINUATION), key=len)
    starts: list[int] = []
    size = -(-len(tails) // BLOCKS)
    ids, positions, blocks = list(head), list(range(len(head))), []
    places: list[tuple[int, float]] = []
    for group in (tails[at : at + size] for at in range(0, len(tails), size)):
        length = max(len(tail) for tail in group)
        blocks.append(Block(len(group), length))
        for tail in group:
            start = len(ids)
            starts.append(start)
            ids += tail.prompt + tail.reply + [0] * (length - len(tail))
            positions += range(len(head), len(head) + length)
            first = start + len(tail.prompt) - 1
            places += zip(range(first, first + len(tail.reply)), reply_weights(tokenizer, tail), strict=True)
            places += [(at, OTHER_WEIGHT) for at in range(start, first) if rng.random() < OTHER_SHARE]
    places += [(at, OTHER_WEIGHT) for at in range(len(head) - 1) if rng.random() < OTHER_SHARE / 2]
    targets = torch.tensor([at for at, _ in places])
    row_ids = torch.tensor(ids)
    weights = torch.tensor([weight for _, weight in places])
    guide = make_guide(tokenizer, head, tails, starts, len(ids), rng) if guided else None
    plan = GuidedPlan(len(head), tuple(blocks), guide=guide)
    return Packed(row_ids[None], torch.tensor([positions]), targets, row_ids[targets + 1], plan, weights)


def reply_weights(tokenizer: PreTrainedTokenizerFast, tail: Tail) -> list[float]:
    """Loss weight of each token of a reply: more for those that choose a tool or none, an argument or its value."""
    call, brace, none = (tokenizer.convert_tokens_to_ids(token) for token in ("call:", "{", NO_TOOL))
    weights, naming = [], False
    for at, token in enumerate(tail.reply):
        naming = naming and token != brace
        chosen = NAME_WEIGHT if naming or token == none else 1.0
        weights.append(DECISION_WEIGHT if at in tail.decided and chosen == 1.0 else chosen)
        naming = naming or token == call
    return weights


def decisions(tokenizer: PreTrainedTokenizerFast, reply: str, scenario: Scenario, toolset: Toolset) -> frozenset[int]:
    """Where a reply's tokens part from those of calls with one other argument or value."""
    dialect, calls = get_dialect("functiongemma"), [expected.call for expected in scenario.outcome.calls]
    said = [dialect.render_reply(others, "") for others in alternatives(calls, toolset)]
    if not said:
        return frozenset()
    right, *others = tokenizer([reply, *said], add_special_tokens=False)["input_ids"]
    return frozenset(first_difference(right, one) for one in others)


def encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def make_guide(
    tokenizer: PreTrainedTokenizerFast,
    head: Sequence[int],
    tails: Sequence[Tail],
    starts: Sequence[int],
    length: int,
    rng: random.Random,
) -> Guide:
    """Where a row's tokens should look.

    Args:
        head: tokens of the prefix; ``starts`` [tails] says where in the row each tail begins.
        length: tokens of the whole row.
    """
    spans, names = find_declarations(tokenizer, head)
    vocabulary, spoken = tokenizer.get_vocab(), word_tokens(tokenizer)
    before, calling = {vocabulary[mark] for mark in BEFORE_REQUEST}, vocabulary["call:"]
    inside = [set(head[first:behind]) for first, behind in spans]
    wordy = torch.zeros(length, dtype=torch.bool)
    declared = [
        (at, i) for i, ((_, end), name) in enumerate(zip(spans, names, strict=True)) for at in range(name + 1, end)
    ]
    words: list[tuple[int, int, int, bool]] = []
    calls: list[tuple[int, int]] = []
    pointers: list[tuple[int, int, int]] = []
    for tail, start in zip(tails, starts, strict=True):
        asked = max(at for at, token in enumerate(tail.prompt) if token in before)
        said = [at for at in range(asked + 1, len(tail.prompt)) if tail.prompt[at] in spoken]
        wordy[[start + at for at in said]] = True
        pointers += [(start + at, start + to, start) for at, to in find_texts(tail, asked + 1, vocabulary[ESCAPE])]
        if tail.tools:
            calls.append((start + len(tail.prompt) + tail.reply.index(calling), start))
        if len(tail.tools) == 1:
            tool = tail.tools[0]
            holders = [[i for i, tokens in enumerate(inside) if tail.prompt[at] in tokens] for at in said]
            words += [(start + at, tool, start, holder == [tool]) for at, holder in zip(said, holders, strict=True)]
    words, declared = _some(rng, words, MOST_GUIDED), _some(rng, declared, MOST_GUIDED // 2)
    at, asked_for, word_rows, evident = torch.tensor(words).view(-1, 4).T
    call_at, call_rows = torch.tensor(calls).view(-1, 2).T
    points, pointed, point_rows = torch.tensor(pointers).view(-1, 3).T
    tokens, owner = torch.tensor(declared).T
    return Guide(
        torch.tensor(names), tokens, owner, at, asked_for, evident > 0, word_rows, call_at, call_rows,
        points, pointed, point_rows,
        torch.tensor(spans), wordy,
    )  # fmt: skip


def find_texts(tail: Tail, request: int, escape: int) -> list[tuple[int, int]]:
    """For each text in a reply's arguments that the request holds once: the token before it, and its first there.

    Args:
        request: index of the request's first token in the prompt; ``escape`` stands before and behind each text.
    """
    marks = [at for at, token in enumerate(tail.reply) if token == escape]
    found = []
    for first, last in zip(marks[::2], marks[1::2], strict=False):
        text = tail.reply[first + 1 : last]
        places = range(request, len(tail.prompt) - len(text) + 1)
        here = [at for at in places if text and tail.prompt[at : at + len(text)] == text]
        if len(here) == 1:
            found.append((len(tail.prompt) + first, here[0]))
    return found


def find_declarations(
    tokenizer: PreTrainedTokenizerFast, head: Sequence[int]
) -> tuple[list[tuple[int, int]], list[int]]:
    """First token and the one behind the last of each declaration in a prefix, and the first token of each name."""
    marks = ("<start_function_declaration>", "<end_function_declaration>", "declaration:")
    first, last, naming = (
        [at for at, token in enumerate(head) if token == tokenizer.convert_tokens_to_ids(mark)] for mark in marks
    )
    return [(a, b + 1) for a, b in zip(first, last, strict=True)], [at + 1 for at in naming if at - 1 in set(first)]


@lru_cache(maxsize=4)
def word_tokens(tokenizer: PreTrainedTokenizerFast) -> frozenset[int]:
    """Tokens that are letters."""
    return frozenset(at for text, at in tokenizer.get_vocab().items() if text.isascii() and text.isalpha())


def _some(rng: random.Random, items: list[T], most: int) -> list[T]:
    return rng.sample(items, most) if len(items) > most else items
