"""Noise in a request that leaves the values of its calls alone, and where those values stand. Pure and seeded.

Training uses it on the way to the model, generating for drafts that people see.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.records import ExpectedCall, Scenario

SMALL_WORDS = frozenset("a an the please to me my of for so just can you could all now some that this is it".split())
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")

Span = tuple[int, int]


@dataclass(frozen=True)
class ValuePool:
    """Text values that training scenarios copy from their requests, by tool and argument."""

    values: Mapping[tuple[str, str], tuple[str, ...]]

    @classmethod
    def of(cls, scenarios: Iterable[Scenario]) -> ValuePool:
        found: dict[tuple[str, str], set[str]] = defaultdict(set)
        for scenario in scenarios:
            for call in scenario.outcome.calls:
                for name, value in copied_values(scenario, call):
                    found[call.name, name].add(value)
        return cls({key: tuple(sorted(values)) for key, values in found.items()})


def copied_values(scenario: Scenario, call: ExpectedCall) -> list[tuple[str, str]]:
    """Arguments of a call whose text occurs in the request as whole words, with their values."""
    return [
        (name, value)
        for name, value in sorted(call.arguments.items())
        if isinstance(value, str) and value.strip() and find_words(scenario.request, value)
    ]


def find_words(text: str, value: str) -> list[Span]:
    """Where ``value`` occurs in ``text`` and is not part of a longer word or number."""
    before = r"(?<!\w)" if value[0].isalnum() else ""
    behind = r"(?!\w)" if value[-1].isalnum() else ""
    return [m.span() for m in re.finditer(before + re.escape(value) + behind, text)]


def texts(value: Any) -> Iterator[str]:
    """The pieces of a value that a request may hold word for word."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str) and value:
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)


def value_spans(scenario: Scenario) -> list[Span]:
    """Where the request holds values of its calls, in any case; they may overlap."""
    values = texts([call.arguments for call in scenario.outcome.calls])
    return [m.span() for text in values for m in re.finditer(re.escape(text), scenario.request, re.IGNORECASE)]


def free_words(scenario: Scenario) -> list[Span]:
    """The words of the request that no value touches."""
    taken = value_spans(scenario)
    words = [m.span() for m in _WORD.finditer(scenario.request)]
    return [(a, b) for a, b in words if not any(a < end and start < b for start, end in taken)]


def with_noise(scenario: Scenario, rng: random.Random) -> str:
    """The request with noise in up to two words outside of values."""
    request, free = scenario.request, free_words(scenario)
    for start, end in sorted(rng.sample(free, min(len(free), rng.choice((0, 1, 1, 2)))), reverse=True):
        request = request[:start] + noisy(request[start:end], rng) + request[end:]
    return re.sub(r"(?<=\S) {2,}(?=\S)", " ", request).strip() if request.strip() else scenario.request


def noisy(word: str, rng: random.Random) -> str:
    """A small word falls out, a long one gets a slip of the fingers inside, others stay."""
    if word.lower() in SMALL_WORDS:
        return ""
    return rng.choice(_NOISES)(word, rng.randrange(1, len(word) - 2)) if len(word) > 3 else word


def _drop(word: str, at: int) -> str:
    return word[:at] + word[at + 1 :]


def _swap_letters(word: str, at: int) -> str:
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _double(word: str, at: int) -> str:
    return word[: at + 1] + word[at:]


_NOISES: tuple[Callable[[str, int], str], ...] = (_drop, _swap_letters, _double)
