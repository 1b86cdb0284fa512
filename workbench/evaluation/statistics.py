"""Figures over scores, each with its interval. Pure; knows no model and no store."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from workbench.records import NO_TOOL, Reply, Scenario, Score

Slice = Literal["tool", "os", "mode"]
SLICES: tuple[Slice, ...] = ("tool", "os", "mode")


@dataclass(frozen=True)
class Interval:
    """From ``low`` to ``high``, both 0 to 1."""

    low: float
    high: float


@dataclass(frozen=True)
class Rate:
    """A part of ``n`` cases."""

    successes: int
    n: int

    @property
    def value(self) -> float | None:
        """0 to 1; None where there is no case."""
        return self.successes / self.n if self.n else None

    @property
    def interval(self) -> Interval:
        """95% Wilson score interval."""
        return wilson(self.successes, self.n)

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        return f"{self.value:.0%} ({self.interval.low:.0%} to {self.interval.high:.0%})"

    def to_dict(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "successes": self.successes,
            "n": self.n,
            "low": self.interval.low,
            "high": self.interval.high,
        }


@dataclass(frozen=True)
class Headline:
    """What a model achieved on some scenarios.

    Attributes:
        tool_accuracy: the right tools, or none where none must be called.
        exact_calls: right tools and every argument right.
        malformed: replies that are not well-formed.
        schema_valid: replies whose calls all name declared tools with arguments that satisfy their schemas.
        no_tool_precision: of the replies without a call, those where none must happen.
        no_tool_recall: of the scenarios where no call must happen, those answered without one.
        latency_p50, latency_p95: milliseconds; None without replies.
    """

    n: int
    tool_accuracy: Rate
    exact_calls: Rate
    malformed: Rate
    schema_valid: Rate
    no_tool_precision: Rate
    no_tool_recall: Rate
    latency_p50: float | None
    latency_p95: float | None

    def to_dict(self) -> dict[str, Any]:
        rates = {name: value.to_dict() for name, value in vars(self).items() if isinstance(value, Rate)}
        return {"n": self.n, **rates, "latency_p50": self.latency_p50, "latency_p95": self.latency_p95}


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a proportion.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212;
    recommended for small n by Brown, Cai and DasGupta, Statistical Science 16 (2001), 101-133.

    Raises:
        ValueError: the counts are impossible.
    """
    if not 0 <= successes <= n or not 0 < confidence < 1:
        raise ValueError(f"{successes} successes of {n} at confidence {confidence}")
    if n == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p = successes / n
    center = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, center - half)
    high = 1.0 if successes == n else min(1.0, center + half)
    return Interval(low, high)


def summarise(scores: Iterable[Score], replies: Iterable[Reply], scenarios: Iterable[Scenario]) -> Headline:
    """The headline over the scenarios that have a reply and a score; the three are matched by id."""
    score_of = {score.scenario_id: score for score in scores}
    reply_of = {reply.scenario_id: reply for reply in replies}
    cases = [(score_of[s.id], reply_of[s.id], s) for s in scenarios if s.id in score_of and s.id in reply_of]
    declined = [s.outcome.is_no_tool for _, reply, s in cases if reply.parsed.kind == "text"]
    unneeded = [reply.parsed.kind == "text" for _, reply, s in cases if s.outcome.is_no_tool]
    latencies = [reply.latency_ms for _, reply, _ in cases]
    return Headline(
        n=len(cases),
        tool_accuracy=_rate(score.tool_correct for score, _, _ in cases),
        exact_calls=_rate(score.exact for score, _, _ in cases),
        malformed=_rate(reply.parsed.kind == "malformed" for _, reply, _ in cases),
        schema_valid=_rate(score.schema_valid for score, _, _ in cases),
        no_tool_precision=_rate(declined),
        no_tool_recall=_rate(unneeded),
        latency_p50=percentile(latencies, 0.5),
        latency_p95=percentile(latencies, 0.95),
    )


def summarise_by(
    slice_: Slice, scores: Sequence[Score], replies: Sequence[Reply], scenarios: Iterable[Scenario]
) -> dict[str, Headline]:
    """A headline for each tool, OS or mode, in alphabetical order.

    A scenario with several calls counts under each of its tools; one without OS or mode counts under ``""``.
    """
    groups: Mapping[str, list[Scenario]] = defaultdict(list)
    for scenario in scenarios:
        for key in _KEYS[slice_](scenario):
            groups[key].append(scenario)
    return {key: summarise(scores, replies, groups[key]) for key in sorted(groups)}


def percentile(values: Iterable[float], part: float) -> float | None:
    """The value below which ``part`` (0 to 1) of the values lie, between neighbours by straight line; None for none."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = part * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _rate(verdicts: Iterable[bool]) -> Rate:
    found = list(verdicts)
    return Rate(sum(found), len(found))


def _tools(scenario: Scenario) -> list[str]:
    return sorted({call.name for call in scenario.outcome.calls}) or [NO_TOOL]


_KEYS: dict[Slice, Callable[[Scenario], list[str]]] = {
    "tool": _tools,
    "os": lambda scenario: [scenario.os],
    "mode": lambda scenario: [scenario.mode],
}
