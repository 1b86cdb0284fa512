"""Paired comparison against published values, the libraries' own, and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workbench.evaluation import pairing
from workbench.evaluation.pairing import Pairs

COUNTS = st.integers(0, 60)
PAIRS = st.builds(Pairs, COUNTS, COUNTS, COUNTS, COUNTS)


@pytest.mark.parametrize(
    ("fixed", "broken", "p"),
    [
        # Binomial tables with 0.5: twice the tail, at most 1.
        (0, 5, 0.0625),
        (0, 6, 0.03125),
        (1, 8, 0.0390625),
        (2, 8, 0.109375),
        (3, 3, 1.0),
        (0, 0, 1.0),
        # Fagerland, Lydersen, Laake, BMC Med. Res. Methodology 13 (2013) 91: 1 and 7 of 21, exact conditional.
        (1, 7, 0.0703125),
    ],
)
def test_mcnemar_is_exact(fixed, broken, p):
    assert pairing.exact_mcnemar(Pairs(10, fixed, broken, 3)) == pytest.approx(p)


@given(PAIRS)
def test_mcnemar_equals_the_binomial_test_and_looks_at_disagreements_only(pairs):
    p = pairing.exact_mcnemar(pairs)
    disagreements = pairs.fixed + pairs.broken
    if disagreements:
        assert p == pytest.approx(stats.binomtest(pairs.fixed, disagreements).pvalue)
    assert p == pairing.exact_mcnemar(Pairs(0, pairs.broken, pairs.fixed, 0))


def test_holm_as_published():
    # Holm (1979) steps down: the smallest p times 3, the next times 2, never falling.
    found = [Pairs(50, 0, 10, 50), Pairs(50, 8, 1, 50), Pairs(50, 2, 8, 50)]
    ps = [pairing.exact_mcnemar(pairs) for pairs in found]
    adjusted = [one.adjusted for one in pairing.differences(found)]
    assert adjusted == pytest.approx([3 * ps[0], 2 * ps[1], max(2 * ps[1], ps[2])])
    assert [one.standing for one in pairing.differences(found)] == ["worse"] + ["not distinguishable"] * 2
    assert pairing.differences(found[1:2])[0].standing == "better"
    assert pairing.differences([]) == []


@settings(max_examples=25)  # each example draws 10,000 times for each pair of models
@given(st.lists(PAIRS, min_size=1, max_size=4))
def test_correction_never_makes_a_finding_surer(found):
    for one in pairing.differences(found):
        assert 1 >= one.adjusted >= one.p * (1 - 1e-9)
        assert one.standing != "better" or one.pairs.difference > 0


def test_the_bootstrap_agrees_with_the_library():
    pairs = Pairs(60, 25, 10, 25)
    base = np.repeat([1, 0, 1, 0], [60, 25, 10, 25])
    candidate = np.repeat([1, 1, 0, 0], [60, 25, 10, 25])

    def difference(a, b, axis=-1):
        return b.mean(axis) - a.mean(axis)

    told = stats.bootstrap(
        (base, candidate), difference, paired=True, vectorized=True, method="percentile", rng=1, n_resamples=4_000
    ).confidence_interval
    low, high = pairing.difference_interval(pairs)
    assert (low, high) == (pytest.approx(told.low, abs=0.012), pytest.approx(told.high, abs=0.012))


@given(PAIRS.filter(lambda pairs: pairs.n > 0))
def test_intervals_hold_the_difference_and_come_out_the_same(pairs):
    low, high = pairing.difference_interval(pairs)
    assert -1 <= low <= pairs.difference + 1e-9 and pairs.difference - 1e-9 <= high <= 1
    assert pairing.difference_interval(pairs) == (low, high)


def test_f1_interval():
    rows = np.array([[0, 0, 0], [0, 2, 1], [2, 2, 2]])
    low, high = pairing.f1_interval(rows, [50, 30, 70])
    f1 = 2 * 140 / (200 + 170)
    assert low < f1 < high and high - low < 0.2
    assert all(map(math.isnan, pairing.f1_interval(rows[:1], [5])))


def test_what_so_many_scenarios_can_show():
    assert pairing.least_difference(120) == 0.05
    seen, unseen = Pairs(57, 6, 0, 57), Pairs(57, 5, 0, 58)
    assert pairing.exact_mcnemar(seen) <= pairing.LEVEL < pairing.exact_mcnemar(unseen)
    assert pairing.power_hint(seen).startswith("With 120 scenarios differences below 5.0 points cannot be seen")
    assert "no scenario" in pairing.power_hint(Pairs())


@given(st.integers(50, 5_000), st.integers(1, 40))
def test_the_detectable_difference_solves_connors_formula(n, percent):
    disagreements = max(1, n * percent // 100)
    pairs = Pairs(n - disagreements, disagreements, 0, 0)
    x = pairing.detectable(pairs)
    if x is None:
        return
    d = disagreements / n
    a, b = stats.norm.ppf(0.975), stats.norm.ppf(0.8)
    assert (a * math.sqrt(d) + b * math.sqrt(d - x * x)) ** 2 / x**2 == pytest.approx(n, rel=1e-6)


def test_the_detectable_difference_is_detected_four_times_of_five():
    n, d = 400, 0.2
    x = pairing.detectable(Pairs(n - 80, 40, 40, 0))
    draws = np.random.default_rng(0).multinomial(n, [(d + x) / 2, (d - x) / 2, 1 - d], size=2_000)
    wins = np.mean([stats.binomtest(int(a), int(a + b)).pvalue <= 0.05 for a, b, _ in draws[:600]])
    assert 0.7 < wins < 0.88


def test_words():
    (found,) = pairing.differences([Pairs(50, 30, 5, 15)])
    said = pairing.in_words("tuned", "base", "exact calls", found)
    assert said.startswith("tuned is better than base in exact calls: +25.0 points, 95 % interval +")
    (found,) = pairing.differences([Pairs(50, 3, 2, 45)])
    assert "not distinguishable" in pairing.in_words("tuned", "base", "exact calls", found)
