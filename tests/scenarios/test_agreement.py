"""Cohen's kappa against published values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.scenarios.agreement import kappa


def pairs(table):
    """Pairs from a table of counts by (first, second)."""
    return [pair for pair, n in table.items() for _ in range(n)]


@pytest.mark.parametrize(
    ("yes_yes", "yes_no", "no_yes", "no_no", "published"),
    [
        # The worked examples of Wikipedia's "Cohen's kappa": 50 grant proposals, and two tables of 60 % agreement.
        (20, 5, 10, 15, 0.4),
        (45, 15, 25, 15, 0.1304),
        (25, 35, 5, 35, 0.2593),
    ],
)
def test_published_values(yes_yes, yes_no, no_yes, no_no, published):
    table = {("y", "y"): yes_yes, ("y", "n"): yes_no, ("n", "y"): no_yes, ("n", "n"): no_no}
    assert kappa(pairs(table)) == pytest.approx(published, abs=5e-5)


def test_the_extremes():
    assert kappa([("a", "a"), ("b", "b")]) == 1
    assert kappa([("a", "b"), ("b", "a")]) == -1
    assert kappa([]) is None and kappa([("a", "a")] * 9) is None


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab"))))
def test_it_does_not_matter_who_is_first(found):
    assert kappa(found) == kappa([(two, one) for one, two in found])
