"""Way ``typos``: scenarios that are there, said otherwise by rule: slips, case, politeness, word order.

Values of the calls stand in the variant word for word as they stood before. A variant keeps the split of its source:
one of a test scenario must not be trained on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from workbench.records import Scenario
from workbench.scenarios.generate.drafts import Context, draft, spaced
from workbench.scenarios.noise import Span, free_words, noisy, texts, value_spans
from workbench.scenarios.splitting import split_of

IDLE_ROUNDS = 3
"""After so many rounds over all sources without anything new, there is nothing more to be had."""
KEPT_WORDS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty hundred half"
    " no not never don't without except only but second minute hour day week month".split()
)
"""Words in which a slip could change what is meant."""
_FRONT = ("please", "could you", "can you please", "would you", "hey,", "hi, could you", "i need you to")
_BACK = ("please", "thanks", "thank you", "if you can", "when you have a moment", "pls")
_POLITE = re.compile(r"\b(please|pls|thanks?|could you|would you|can you)\b", re.IGNORECASE)


def variants(sources: Sequence[Scenario], changes: Sequence[str], seed: int) -> Iterator[Scenario]:
    """Drafts without end or until there is nothing new, each source in turn; none twice, none equal to its source.

    The same sources, changes and seed give the same drafts in the same order, however many are taken.

    Args:
        changes: names of ``CHANGES``.
    """
    order = sorted(sources, key=lambda scenario: scenario.id)
    random.Random(f"{seed}").shuffle(order)
    seen = {(_key(source.request), source.os, source.shell, source.mode) for source in order}
    turn = idle = 0
    while idle < IDLE_ROUNDS * max(len(changes), 1) and order:
        idle += 1
        for i, source in enumerate(order):
            change = changes[(i + turn) % len(changes)]
            request = vary(source, change, random.Random(f"{seed}|{source.id}|{change}|{turn}"))
            key = (_key(request), source.os, source.shell, source.mode)
            if key not in seen:
                seen.add(key)
                idle = 0
                yield _draft(source, change, request)
        turn += 1


def vary(scenario: Scenario, change: str, rng: random.Random) -> str:
    """The request after one change; as it was where the change finds nothing to do or would touch a value."""
    request = spaced(CHANGES[change](scenario, rng))
    return (
        request if request and _values(request, scenario) == _values(scenario.request, scenario) else scenario.request
    )


def _draft(source: Scenario, change: str, request: str) -> Scenario:
    context = Context(source.os, source.shell, source.mode)
    tags = (*source.tags, change)
    made = draft(
        source.toolset,
        request,
        source.outcome,
        context,
        f"generate:{change}:{source.id}",
        tags,
        split_of(source),
        source.reasoning,
    )
    return made if not source.history else _with_history(made, source)


def _with_history(made: Scenario, source: Scenario) -> Scenario:
    return Scenario.from_dict({**made.to_dict(), "history": [turn.to_dict() for turn in source.history]})


def _key(request: str) -> str:
    # Case matters here: a variant in capitals is one.
    return spaced(request)


def _values(request: str, scenario: Scenario) -> list[tuple[str, int]]:
    """How often each value of the calls stands in the text, letter by letter."""
    return [(text, request.count(text)) for text in sorted(set(_protected(scenario)))]


def _protected(scenario: Scenario) -> Iterator[str]:
    for call in scenario.outcome.calls:
        yield from texts(call.arguments)
        yield from texts(list(call.accept.values()))


def _free(scenario: Scenario) -> list[Span]:
    """Words that may change: outside of values, of other accepted values, and of words that carry the meaning."""
    request = scenario.request
    taken = [m.span() for text in _protected(scenario) for m in re.finditer(re.escape(text), request, re.IGNORECASE)]
    return [
        (a, b)
        for a, b in free_words(scenario)
        if request[a:b].lower().rstrip("s") not in KEPT_WORDS and not any(a < end and start < b for start, end in taken)
    ]


def _typos(scenario: Scenario, rng: random.Random) -> str:
    request, free = scenario.request, _free(scenario)
    chosen = rng.sample(free, min(len(free), rng.choice((1, 1, 2, 3))))
    for start, end in sorted(chosen, reverse=True):
        request = request[:start] + noisy(request[start:end], rng) + request[end:]
    return request


def _case(scenario: Scenario, rng: random.Random) -> str:
    """Everything but values in capitals, in small letters, or with a capital in front of each word."""
    style: Callable[[str], str] = rng.choice((str.lower, str.upper, str.title))
    spans = sorted(value_spans(scenario))
    pieces, at = [], 0
    for start, end in spans:
        pieces += [style(scenario.request[at:start]), scenario.request[max(start, at) : max(end, at)]]
        at = max(at, end)
    return "".join([*pieces, style(scenario.request[at:])])


def _polite(scenario: Scenario, rng: random.Random) -> str:
    """A polite word before or after; one that is there already is not doubled."""
    request = scenario.request.strip()
    if not request or _POLITE.search(request):
        return request
    # A question or a sentence about oneself takes no "could you" in front.
    command = request[0].islower() and not request.endswith("?")
    if command and rng.random() < 0.5:
        return f"{rng.choice(_FRONT)} {request}"
    end = request[-1] if request[-1] in ".!?" else ""
    return f"{request.removesuffix(end)}{rng.choice((' ', ', '))}{rng.choice(_BACK)}{end}"


def _order(scenario: Scenario, rng: random.Random) -> str:
    """Two clauses change places; without a comma to part them, two neighbouring words do, as in haste."""
    request = scenario.request
    parts = request.split(", ")
    if len(parts) == 2 and all(len(part.split()) > 1 for part in parts):
        end = parts[1][-1] if parts[1][-1] in ".!?" else ""
        return f"{parts[1].removesuffix(end)}, {parts[0]}{end}"
    free = _free(scenario)
    neighbours = [(one, two) for one, two in zip(free, free[1:], strict=False) if request[one[1] : two[0]] == " "]
    if not neighbours:
        return request
    (a, b), (c, d) = rng.choice(neighbours)
    return request[:a] + request[c:d] + request[b:c] + request[a:b] + request[d:]


CHANGES: Mapping[str, Callable[[Scenario, random.Random], str]] = {
    "typos": _typos,
    "case": _case,
    "polite": _polite,
    "order": _order,
}
