"""Rewritten scenarios: values stay letter by letter, splits stay, nothing repeats."""

import random
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.records import ExpectedCall, Outcome, Scenario
from workbench.scenarios.generate.variants import CHANGES, variants, vary
from workbench.scenarios.noise import texts
from workbench.scenarios.splitting import split_of


def scenario(request: str, id: str = "s", **arguments) -> Scenario:
    return Scenario(
        id, "t", request, Outcome((ExpectedCall("ping", arguments),)), "linux", "bash", "act", status="approved"
    )


WORDS = st.sampled_from(
    "please the show me ping alpha beta Alpha.example note 5 over it's my host quickly, two not".split()
)
REQUESTS = st.lists(WORDS, min_size=1, max_size=10).map(" ".join)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["host", "text", "count"]),
    st.sampled_from(["alpha", "beta", "Alpha.example", "me ping", 5, True]),
    max_size=3,
)
SOURCES = st.lists(
    st.builds(lambda request, arguments: scenario(request, **arguments), REQUESTS, ARGUMENTS), max_size=4
).map(lambda found: [Scenario.from_dict({**one.to_dict(), "id": f"s{i}"}) for i, one in enumerate(found)])
CHOSEN = st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=4, unique=True)


@given(REQUESTS, ARGUMENTS, st.sampled_from(sorted(CHANGES)), st.integers())
def test_values_stay_letter_by_letter(request: str, arguments, change: str, seed: int):
    one = scenario(request, **arguments)
    said = vary(one, change, random.Random(seed))
    assert said.strip()
    for value in texts(arguments):
        assert said.count(value) == request.count(value)


@settings(max_examples=40, deadline=None)
@given(SOURCES, CHOSEN, st.integers(0, 9), st.integers(0, 20), st.integers(0, 20))
def test_a_larger_count_extends_and_never_repeats(sources, changes, seed, count, more):
    first = list(islice(variants(sources, changes, seed), count))
    second = list(islice(variants(sources, changes, seed), count + more))
    assert second[: len(first)] == first and (len(first) == count or second == first)
    assert len({made.id for made in second}) == len(second)
    by_id = {source.id: source for source in sources}
    for made in second:
        _, change, of = made.source.split(":")
        source = by_id[of]
        assert made.request != source.request and made.outcome == source.outcome and change in changes
        assert made.status == "draft" and made.split == split_of(source)


@pytest.mark.parametrize(
    ("change", "request_", "said"),
    [
        ("case", "ping Host7 now", {"PING Host7 NOW", "Ping Host7 Now", "ping Host7 now"}),
        ("order", "if it is down, ping Host7 now.", {"ping Host7 now, if it is down."}),
        ("polite", "please ping Host7", {"please ping Host7"}),
    ],
)
def test_what_the_changes_do(change, request_, said):
    one = scenario(request_, host="Host7")
    assert {vary(one, change, random.Random(i)) for i in range(30)} == said


def test_typos_leave_numbers_and_negations_alone():
    one = scenario("never ping hosts for two hours without asking", host="x")
    said = {vary(one, "typos", random.Random(i)) for i in range(60)}
    assert len(said) > 10
    assert all({"never", "two", "hours", "without"} <= set(request.split()) for request in said)


def test_a_source_with_nothing_to_change_ends():
    assert list(variants([scenario("Host7", host="Host7")], ["typos", "order", "case"], 0)) == []
    assert list(variants([], ["typos"], 0)) == []
