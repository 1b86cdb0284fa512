"""Do two reviewers agree? Cohen's kappa on paired verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa: (observed - expected agreement) / (1 - expected agreement), -1 to 1.

    J. Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20, 37-46.
    None without pairs, and where both always gave the one and same verdict: then chance alone explains the agreement.
    """
    n = len(pairs)
    first, second = Counter(one for one, _ in pairs), Counter(two for _, two in pairs)
    by_chance = sum(first[verdict] * second[verdict] for verdict in first)
    if n * n == by_chance:
        return None
    observed = sum(one == two for one, two in pairs)
    return (observed * n - by_chance) / (n * n - by_chance)
