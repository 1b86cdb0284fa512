"""Is one model better than another on the same scenarios, or could that be chance? Pure; knows no model and no store.

The verdicts of two models are paired scenario by scenario, so only the scenarios count on which they disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

Standing = Literal["better", "worse", "not distinguishable"]
LEVEL = 0.05
"""Probability of seeing a difference where there is none that is put up with."""
POWER = 0.8
RESAMPLES = 9_999
SEED = 20_240_229
LEAST_DISAGREEMENTS = 6
"""The exact test needs as many disagreements, all in one direction: 2 * 0.5 ** 6 < 0.05 < 2 * 0.5 ** 5."""


@dataclass(frozen=True)
class Pairs:
    """How often two models are right on the same scenarios: ``fixed`` are those that only the second gets right."""

    both_right: int = 0
    fixed: int = 0
    broken: int = 0
    both_wrong: int = 0

    @property
    def n(self) -> int:
        return self.both_right + self.fixed + self.broken + self.both_wrong

    @property
    def difference(self) -> float:
        """Share of right answers of the second minus that of the first, -1 to 1; 0 without scenarios."""
        return (self.fixed - self.broken) / self.n if self.n else 0.0


@dataclass(frozen=True)
class Difference:
    """A second model against a first, on one figure.

    Attributes:
        low, high: 95% interval of ``pairs.difference`` by paired bootstrap.
        p: of the exact two-sided McNemar test; ``adjusted``: by Holm's method over the models compared at once.
    """

    pairs: Pairs
    low: float
    high: float
    p: float
    adjusted: float

    @property
    def standing(self) -> Standing:
        """What may be said of the second model."""
        if self.adjusted > LEVEL or self.pairs.difference == 0:
            return "not distinguishable"
        return "better" if self.pairs.difference > 0 else "worse"

    def to_dict(self) -> dict[str, Any]:
        return {
            "n": self.pairs.n,
            "both_right": self.pairs.both_right,
            "fixed": self.pairs.fixed,
            "broken": self.pairs.broken,
            "both_wrong": self.pairs.both_wrong,
            "difference": self.pairs.difference,
            "low": self.low,
            "high": self.high,
            "p": self.p,
            "p_adjusted": self.adjusted,
            "standing": self.standing,
            "least_difference": least_difference(self.pairs.n),
            "detectable_difference": detectable(self.pairs),
        }


def differences(found: Sequence[Pairs]) -> list[Difference]:
    """Several models, each against the same first one, with Holm's correction over all of them.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6 (1979), 65-70.
    """
    if not found:
        return []
    from statsmodels.stats.multitest import multipletests

    ps = [exact_mcnemar(pairs) for pairs in found]
    adjusted = multipletests(ps, alpha=LEVEL, method="holm")[1]
    intervals = [difference_interval(pairs) for pairs in found]
    rows = zip(found, intervals, ps, adjusted, strict=True)
    return [Difference(pairs, low, high, p, float(q)) for pairs, (low, high), p, q in rows]


def exact_mcnemar(pairs: Pairs) -> float:
    """Two-sided p-value of the exact test that both kinds of disagreement are equally likely, by statsmodels.

    Q. McNemar, Psychometrika 12 (1947), 153-157; exact: the binomial distribution with 0.5.
    """
    if pairs.fixed == pairs.broken:
        return 1.0
    from statsmodels.stats.contingency_tables import mcnemar

    table = [[pairs.both_right, pairs.broken], [pairs.fixed, pairs.both_wrong]]
    return float(min(1.0, mcnemar(table, exact=True).pvalue))


def difference_interval(pairs: Pairs) -> tuple[float, float]:
    """95% interval of the difference of two shares by paired bootstrap."""
    import numpy as np

    rows = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    counts = [pairs.both_wrong, pairs.fixed, pairs.broken, pairs.both_right]
    return bootstrap(rows, counts, lambda sums: (sums[:, 1] - sums[:, 0]) / pairs.n)


def bootstrap(
    rows: np.ndarray[Any, Any],
    counts: Sequence[int],
    statistic: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]],
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """95% percentile interval of a statistic of column sums, scenarios drawn with replacement, always from one seed.

    Drawing n scenarios is drawing how often each kind of scenario comes: a multinomial draw over the distinct rows,
    which costs nothing per scenario and does not depend on their order.
    B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.

    Args:
        rows: distinct rows of figures, in a fixed order; ``counts`` says how many scenarios have each.
        statistic: from sums, one row a resample, to one number each; NaN where it has none.
    """
    import numpy as np

    n = sum(counts)
    if n == 0:
        return math.nan, math.nan
    draws = np.random.default_rng(SEED).multinomial(n, np.asarray(counts) / n, size=resamples)
    found = statistic(draws @ rows)
    found = found[~np.isnan(found)]
    if not found.size:
        return math.nan, math.nan
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def f1_interval(rows: np.ndarray[Any, Any], counts: Sequence[int]) -> tuple[float, float]:
    """95% interval of an F1 by bootstrap over scenarios; ``rows``: matched, wanted and given arguments."""
    import numpy as np

    def f1(sums: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        both = sums[:, 1] + sums[:, 2]
        return np.divide(2 * sums[:, 0], both, out=np.full(len(sums), math.nan), where=both > 0)

    return bootstrap(rows, counts, f1)


def least_difference(n: int) -> float:
    """Below this difference the exact test sees nothing, whatever the models do: six disagreements of n, 0 to 1."""
    return min(1.0, LEAST_DISAGREEMENTS / n) if n else 1.0


def detectable(pairs: Pairs) -> float | None:
    """The difference that the test sees with 80% power when models disagree as often as these; None if none is.

    R. J. Connor, "Sample size for testing differences in proportions for the paired-sample design", Biometrics 43
    (1987), 207-211: n = (z_a sqrt(d) + z_b sqrt(d - x^2))^2 / x^2 with d the share of disagreements, solved for x.
    """
    from scipy.stats import norm

    n, share = pairs.n, (pairs.fixed + pairs.broken) / pairs.n if pairs.n else 0.0
    a, b = norm.ppf(1 - LEVEL / 2), norm.ppf(POWER)
    root = a * a * n - (n + b * b) * (a * a - b * b)
    if share == 0 or root < 0:
        return None
    found = float((a * math.sqrt(n * share) + math.sqrt(root * share)) / (n + b * b))
    return found if found <= share else None


def power_hint(pairs: Pairs) -> str:
    """What so many scenarios can show, in words."""
    if not pairs.n:
        return "There is no scenario to compare on."
    said = f"With {pairs.n:,} scenarios differences below {100 * least_difference(pairs.n):.1f} points cannot be seen"
    found = detectable(pairs)
    share = f"{100 * (pairs.fixed + pairs.broken) / pairs.n:.0f} %"
    if found is None:
        return f"{said}; these models disagree on {share}, which is too little to see more than that."
    return f"{said}; models that disagree on {share} are told apart, 4 times of 5, from {100 * found:.1f} points on."


def in_words(label: str, other: str, figure: str, found: Difference) -> str:
    """The finding as a sentence: ``label`` is the second model, ``other`` the first."""
    points = f"{100 * found.pairs.difference:+.1f} points"
    chance = "p < 0.001" if found.adjusted < 0.001 else f"p = {found.adjusted:.2g}"
    interval = f"95 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f}, {chance}"
    if found.standing == "not distinguishable":
        return f"{label} and {other} are not distinguishable in {figure} ({points}, {interval})."
    return f"{label} is {found.standing} than {other} in {figure}: {points}, {interval}."
