"""Variants of a training scenario: typing noise, and other values in request and call alike. Pure and seeded."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.records import ExpectedCall, Outcome, Scenario

SMALL_WORDS = frozenset("a an the please to me my of for so just can you could all now some that this is it".split())
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_SWAPS = 0.5
"""How often a copied value is swapped in a scenario that is augmented."""

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


def augment(scenario: Scenario, pool: ValuePool, rng: random.Random) -> Scenario:
    """A variant of the scenario: copied values swapped for others of the pool, and noise in one or two words.

    Each value that the request held still stands in it word for word.
    """
    for index, call in enumerate(scenario.outcome.calls):
        for name, value in copied_values(scenario, call):
            if rng.random() < _SWAPS:
                scenario = _swap(scenario, index, name, value, pool, rng)
    noisy = replace(scenario, request=_with_noise(scenario, rng))
    return noisy if _copies(noisy) == _copies(scenario) else scenario


def copied_values(scenario: Scenario, call: ExpectedCall) -> list[tuple[str, str]]:
    """Arguments of a call whose text occurs in the request as whole words, with their values."""
    return [
        (name, value)
        for name, value in sorted(call.arguments.items())
        if isinstance(value, str) and value.strip() and find_words(scenario.request, value)
    ]


def _copies(scenario: Scenario) -> list[list[tuple[str, str]]]:
    return [copied_values(scenario, call) for call in scenario.outcome.calls]


def find_words(text: str, value: str) -> list[Span]:
    """Where ``value`` occurs in ``text`` and is not part of a longer word or number."""
    before = r"(?<!\w)" if value[0].isalnum() else ""
    behind = r"(?!\w)" if value[-1].isalnum() else ""
    return [m.span() for m in re.finditer(before + re.escape(value) + behind, text)]


def _swap(scenario: Scenario, index: int, name: str, value: str, pool: ValuePool, rng: random.Random) -> Scenario:
    call = scenario.outcome.calls[index]
    choices = [other for other in pool.values.get((call.name, name), ()) if other != value]
    spans = find_words(scenario.request, value)
    if not choices or len(spans) != 1 or _shared(scenario, index, name, value):
        return scenario
    other = rng.choice(choices)
    (start, end), request = spans[0], scenario.request
    swapped = replace(
        call,
        arguments={**call.arguments, name: other},
        accept={key: values for key, values in call.accept.items() if key != name},
    )
    calls = (*scenario.outcome.calls[:index], swapped, *scenario.outcome.calls[index + 1 :])
    return replace(
        scenario, request=request[:start] + other + request[end:], outcome=Outcome(calls, scenario.outcome.ordered)
    )


def _shared(scenario: Scenario, index: int, name: str, value: str) -> bool:
    """Whether another value of the scenario overlaps with this one, so that a swap would tear it."""
    others = (
        text
        for i, call in enumerate(scenario.outcome.calls)
        for key, other in call.arguments.items()
        if (i, key) != (index, name)
        for text in _texts(other)
    )
    return any(value in other or other in value for other in others)


def _texts(value: Any) -> Iterator[str]:
    """The pieces of a value that a request may hold word for word."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str) and value:
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)


def _with_noise(scenario: Scenario, rng: random.Random) -> str:
    """The request with noise in up to two words outside of values."""
    request = scenario.request
    values = _texts([call.arguments for call in scenario.outcome.calls])
    taken = [span for text in values for span in _spans(request, text)]
    words = [m.span() for m in _WORD.finditer(request)]
    free = [(a, b) for a, b in words if not any(a < end and start < b for start, end in taken)]
    for start, end in sorted(rng.sample(free, min(len(free), rng.choice((0, 1, 1, 2)))), reverse=True):
        request = request[:start] + _noisy(request[start:end], rng) + request[end:]
    return re.sub(r"(?<=\S) {2,}(?=\S)", " ", request).strip() if request.strip() else scenario.request


def _spans(text: str, part: str) -> list[Span]:
    return [m.span() for m in re.finditer(re.escape(part), text, re.IGNORECASE)]


def _noisy(word: str, rng: random.Random) -> str:
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
