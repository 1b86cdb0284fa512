"""Figures over scores, each with its interval. Pure; knows no model and no store."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from workbench.records import Reply, Scenario, Score

Slice = Literal["tool", "os", "mode", "tag"]
SLICES: tuple[Slice, ...] = ("tool", "os", "mode", "tag")


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
        interval = self.interval
        return {
            "value": self.value,
            "successes": self.successes,
            "n": self.n,
            "low": interval.low,
            "high": interval.high,
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
        over_calls: of the scenarios where no call must happen, those answered with one.
        misses: of the scenarios where a call must happen, those answered without one.
        argument_precision: of the arguments given, the right ones.
        argument_recall: of the arguments expected, the right ones.
        latency_p50, latency_p95: milliseconds; None without replies.
    """

    n: int
    tool_accuracy: Rate
    exact_calls: Rate
    malformed: Rate
    schema_valid: Rate
    no_tool_precision: Rate
    no_tool_recall: Rate
    over_calls: Rate
    misses: Rate
    argument_precision: Rate
    argument_recall: Rate
    latency_p50: float | None
    latency_p95: float | None

    @property
    def argument_f1(self) -> float | None:
        """Harmonic mean of the arguments' precision and recall; None where there is no argument."""
        both = self.argument_precision.n + self.argument_recall.n
        return 2 * self.argument_recall.successes / both if both else None

    def to_dict(self) -> dict[str, Any]:
        rates = {name: value.to_dict() for name, value in vars(self).items() if isinstance(value, Rate)}
        latencies = {"latency_p50": self.latency_p50, "latency_p95": self.latency_p95}
        return {"n": self.n, **rates, "argument_f1": self.argument_f1, **latencies}


@dataclass(frozen=True)
class Tally:
    """Counts from which every rate follows, of one model on some scenarios.

    Attributes:
        declined: replies without a call; ``rightly_declined`` of them where none must happen.
        none_expected: scenarios where no call must happen; ``over_called`` of them were answered with a call.
        missed: scenarios where a call must happen and the reply has none.
        matched: right arguments, of those that were ``wanted`` and of those that were ``given``.
    """

    n: int = 0
    tool_correct: int = 0
    exact: int = 0
    malformed: int = 0
    schema_valid: int = 0
    declined: int = 0
    rightly_declined: int = 0
    none_expected: int = 0
    over_called: int = 0
    missed: int = 0
    matched: int = 0
    wanted: int = 0
    given: int = 0

    def headline(self, latency_p50: float | None = None, latency_p95: float | None = None) -> Headline:
        return Headline(
            n=self.n,
            tool_accuracy=Rate(self.tool_correct, self.n),
            exact_calls=Rate(self.exact, self.n),
            malformed=Rate(self.malformed, self.n),
            schema_valid=Rate(self.schema_valid, self.n),
            no_tool_precision=Rate(self.rightly_declined, self.declined),
            no_tool_recall=Rate(self.rightly_declined, self.none_expected),
            over_calls=Rate(self.over_called, self.none_expected),
            misses=Rate(self.missed, self.n - self.none_expected),
            argument_precision=Rate(self.matched, self.given),
            argument_recall=Rate(self.matched, self.wanted),
            latency_p50=latency_p50,
            latency_p95=latency_p95,
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Tally)))

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a proportion, by statsmodels.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212;
    recommended for small n by Brown, Cai and DasGupta, Statistical Science 16 (2001), 101-133.

    Raises:
        ValueError: the counts are impossible.
    """
    if not 0 <= successes <= n or not 0 < confidence < 1:
        raise ValueError(f"{successes} successes of {n} at confidence {confidence}")
    if n == 0:
        return Interval(0.0, 1.0)
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    # Rounding must not push an end past what was seen.
    return Interval(
        0.0 if successes == 0 else min(float(low), successes / n),
        1.0 if successes == n else max(float(high), successes / n),
    )


def tally(score: Score, reply: Reply, scenario: Scenario) -> Tally:
    """One case. ``store.answers`` counts the same in the database, for many cases."""
    declined, called = reply.parsed.kind == "text", reply.parsed.kind == "calls"
    no_tool = scenario.outcome.is_no_tool
    verdicts = [argument.verdict for argument in score.arguments]
    return Tally(
        n=1,
        tool_correct=int(score.tool_correct),
        exact=int(score.exact),
        malformed=int(reply.parsed.kind == "malformed"),
        schema_valid=int(score.schema_valid),
        declined=int(declined),
        rightly_declined=int(declined and no_tool),
        none_expected=int(no_tool),
        over_called=int(called and no_tool),
        missed=int(declined and not no_tool),
        matched=verdicts.count("match"),
        wanted=len(verdicts) - verdicts.count("unexpected"),
        given=len(verdicts) - verdicts.count("missing"),
    )


def summarise(scores: Iterable[Score], replies: Iterable[Reply], scenarios: Iterable[Scenario]) -> Headline:
    """The headline over the scenarios that have a reply and a score; the three are matched by id."""
    score_of = {score.scenario_id: score for score in scores}
    reply_of = {reply.scenario_id: reply for reply in replies}
    cases = [(score_of[s.id], reply_of[s.id], s) for s in scenarios if s.id in score_of and s.id in reply_of]
    latencies = [reply.latency_ms for _, reply, _ in cases]
    total = sum((tally(*case) for case in cases), Tally())
    return total.headline(percentile(latencies, 0.5), percentile(latencies, 0.95))


def percentile(values: Iterable[float], part: float) -> float | None:
    """The value below which ``part`` (0 to 1) of the values lie, between neighbours by straight line; None for none."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = part * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
