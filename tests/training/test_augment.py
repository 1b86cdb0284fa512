"""Variants keep their meaning: every copied value still stands in the request, word for word."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from workbench.records import ExpectedCall, Outcome, Scenario
from workbench.scenarios.noise import ValuePool, copied_values, find_words
from workbench.training.augment import augment


def scenario(request: str, *calls: ExpectedCall) -> Scenario:
    return Scenario("s", "t", request, Outcome(calls))


PING_A = scenario(
    "please ping the machine alpha.example 5 times quickly", ExpectedCall("ping", {"host": "alpha.example", "count": 5})
)
PING_B = scenario("ping beta right now", ExpectedCall("ping", {"host": "beta"}))
POOL = ValuePool.of([PING_A, PING_B])

WORDS = st.sampled_from("please the show me ping alpha beta alpha.example note 5 over  it's a my host".split(" "))
REQUESTS = st.lists(WORDS, min_size=1, max_size=10).map(" ".join).filter(str.strip)
CALLS = st.lists(
    st.builds(
        ExpectedCall,
        st.sampled_from(["ping", "note"]),
        st.dictionaries(
            st.sampled_from(["host", "text", "count"]),
            st.sampled_from(["alpha", "beta", "alpha.example", "the", 5, True]) | st.text("ab .", max_size=4),
            max_size=3,
        ),
    ),
    max_size=2,
)


@given(REQUESTS, CALLS, st.integers())
def test_copied_values_stay_copied(request: str, calls: list[ExpectedCall], seed: int) -> None:
    original = scenario(request, *calls)
    found = augment(original, POOL, random.Random(seed))
    assert found.request.strip()
    for before, after in zip(original.outcome.calls, found.outcome.calls, strict=True):
        assert before.name == after.name and set(before.arguments) == set(after.arguments)
        assert [name for name, _ in copied_values(original, before)] == [
            name for name, _ in copied_values(found, after)
        ]
        copied = dict(copied_values(original, before))
        assert all(after.arguments[k] == v for k, v in before.arguments.items() if k not in copied)


@given(st.integers())
def test_the_same_seed_gives_the_same_variant(seed: int) -> None:
    assert augment(PING_A, POOL, random.Random(seed)) == augment(PING_A, POOL, random.Random(seed))


def variants(of: Scenario, pool: ValuePool = POOL) -> list[Scenario]:
    return [augment(of, pool, random.Random(seed)) for seed in range(200)]


def test_values_are_swapped_in_request_and_call_alike() -> None:
    hosts = {found.outcome.calls[0].arguments["host"] for found in variants(PING_A)}
    assert hosts == {"alpha.example", "beta"}
    for found in variants(PING_A):
        assert str(found.outcome.calls[0].arguments["host"]) in found.request


def test_words_get_noise_but_values_do_not() -> None:
    requests = {found.request for found in variants(PING_A)}
    assert len(requests) > 20
    assert any("machine" not in request for request in requests)
    assert any("the " not in request for request in requests)
    assert all(" 5 " in request for request in requests)


def test_some_variants_are_left_as_they_were() -> None:
    assert any(found == PING_A for found in variants(PING_A))


def test_overlapping_values_are_not_swapped() -> None:
    both = scenario("copy alpha to alpha.example", ExpectedCall("ping", {"host": "alpha.example", "text": "alpha"}))
    assert all(found.outcome == both.outcome for found in variants(both))


def test_a_value_that_occurs_twice_is_not_swapped() -> None:
    twice = scenario("beta, I said beta", ExpectedCall("ping", {"host": "beta"}))
    assert all(found.outcome == twice.outcome for found in variants(twice))


def test_accepted_values_of_a_swapped_argument_go() -> None:
    call = replace(PING_B.outcome.calls[0], accept={"host": ("BETA",)})
    for found in variants(replace(PING_B, outcome=Outcome((call,)))):
        (after,) = found.outcome.calls
        assert (after.accept == {}) == (after.arguments["host"] != "beta")


def test_no_tool_gets_noise_only() -> None:
    found = variants(scenario("could you please tell me a story"))
    assert all(variant.outcome.is_no_tool for variant in found)
    assert len({variant.request for variant in found}) > 20


def test_words_are_found_whole() -> None:
    assert find_words("cats and cat.", "cat") == [(9, 12)]
    assert find_words("/var/log", "/var") == [(0, 4)]
    assert find_words("port 80, 8080", "80") == [(5, 7)]
    assert find_words("a.b(c)", ".b(") == [(1, 4)]
