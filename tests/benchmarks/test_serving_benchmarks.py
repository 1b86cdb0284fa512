"""The benchmarks of serving really measure, and would notice what they look for."""

import random
from types import SimpleNamespace

import pytest

from benchmarks.constrained_cost import cost, draw, random_weights
from benchmarks.serve_load import Figures, body_of
from benchmarks.serve_mixed import BROKEN, MODELS, Client, Seen, judge
from tests.many_tools import MANY
from tests.small_workspace import TOOLSET, make_scenario, open_small
from workbench.actions.chat import read_ask
from workbench.errors import WorkbenchError
from workbench.inference.router import Router, Wish
from workbench.store import traffic


def test_every_call_of_random_weights_is_valid_for_thirty_one_tools():
    assert len(MANY.tools) == 31
    router = Router(random_weights(0), MANY)
    valid, named = draw(router, MANY, 40, 20, 1.5)
    assert valid == 40 and len(named) > 5


class Script:
    """A router that says the same free and held to the grammar, but to the second scenario."""

    toolset = TOOLSET

    def __init__(self) -> None:
        self.wishes: list[Wish] = []

    def reply(self, messages, tools, wish):
        self.wishes.append(wish)
        raw = f"free {wish.constrained}" if "host1" in messages[-1].content else "the same"
        return (SimpleNamespace(raw=raw, completion_tokens=3),)


def test_the_cost_of_a_grammar_is_that_of_answers_that_are_the_same():
    router = Script()
    found = cost(router, [make_scenario(0), make_scenario(1)], TOOLSET.tools, 2)
    assert (found["requests"], found["same"], found["tokens"]) == (2, 1, 3)
    assert found["free"] > 0 and found["held"] > 0
    assert [wish.constrained for wish in router.wishes] == [False, True] * 6


def test_percentiles_and_bodies(tmp_path):
    found = Figures.of([0.1] * 98 + [0.2, 0.3], 5.0)
    assert found.p50 == pytest.approx(100) and found.p99 > found.p95 and found.per_second == 20
    rng = random.Random(0)
    with open_small(tmp_path) as store:
        assert read_ask(store, body_of("starter", 3, constrained=False)).wish["constrained"] is False
        client = Client("http://127.0.0.1:1", Seen(), rng.randint(0, 9))
        for _ in range(40):
            read_ask(store, client.body(), MODELS)


def test_what_does_not_hold_is_said(tmp_path):
    assert len(set(BROKEN)) == len(BROKEN)
    with open_small(tmp_path) as store:
        traffic.record(store, "kept", "starter", "small", {}, [])
        good = Seen(acknowledged=["kept"], memory=[100, 101, 102, 104])
        good.statuses.update({200: 1, 400: 3, 429: 2})
        assert judge(good, store) == []
        bad = Seen(acknowledged=["kept", "lost"], broken_streams=1, memory=[100 << 20, 1, 2, 200 << 20])
        bad.statuses.update({500: 2})
        assert len(judge(bad, store)) == 4
        with pytest.raises(WorkbenchError):
            read_ask(store, {"model": "router", "messages": [{"role": "user", "content": "hi"}]})
