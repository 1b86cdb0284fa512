"""Variants of a training scenario: typing noise, and other values in request and call alike. Pure and seeded."""

from __future__ import annotations

import random
from dataclasses import replace

from workbench.records import Outcome, Scenario
from workbench.scenarios.noise import ValuePool, copied_values, find_words, texts, with_noise

_SWAPS = 0.5
"""How often a copied value is swapped in a scenario that is augmented."""


def augment(scenario: Scenario, pool: ValuePool, rng: random.Random) -> Scenario:
    """A variant of the scenario: copied values swapped for others of the pool, and noise in one or two words.

    Each value that the request held still stands in it word for word.
    """
    for index, call in enumerate(scenario.outcome.calls):
        for name, value in copied_values(scenario, call):
            if rng.random() < _SWAPS:
                scenario = _swap(scenario, index, name, value, pool, rng)
    noisy = replace(scenario, request=with_noise(scenario, rng))
    return noisy if _copies(noisy) == _copies(scenario) else scenario


def _copies(scenario: Scenario) -> list[list[tuple[str, str]]]:
    return [copied_values(scenario, call) for call in scenario.outcome.calls]


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
        for text in texts(other)
    )
    return any(value in other or other in value for other in others)
