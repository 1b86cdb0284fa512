"""A conversation turn by turn, with the process that answers replaced by a script of events."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from tests import held_model
from tests.aside import run_aside
from workbench.actions import curate, playground
from workbench.actions.models import STARTER_ID
from workbench.actions.playground import Talk
from workbench.actions.serving import ServeSettings, Serving
from workbench.errors import WorkbenchError
from workbench.records import Toolset
from workbench.serving import process
from workbench.store import Store, traffic
from workbench.store.toolsets import save_toolset

CALL = {"name": "ping", "arguments": {"host": "example.org"}}


def decision(*calls: Any, text: str = "", malformed: str = "") -> dict[str, Any]:
    figures = {"confidence": 0.5, "latency_ms": 3.0, "prompt_tokens": 9, "completion_tokens": 2, "finish": "stop"}
    return {"calls": list(calls), "text": text, "raw": "raw", "malformed": malformed, "problems": [], **figures}


class Line:
    """Says what it was told to, and keeps what it was asked."""

    pid, waiting = None, 0

    def __init__(self, *decisions: dict[str, Any]) -> None:
        self.left, self.asked = list(decisions), []

    async def ask(self, request: dict[str, Any], *_: Any) -> AsyncGenerator[dict[str, Any]]:
        self.asked.append(request)
        yield {"row": 0, "text": "ra"}
        found = self.left.pop(0)
        yield found if "error" in found else {"decisions": [{**found, "prompt": "P", "logprobs": []}]}

    def close(self) -> None:
        pass


def served(store: Store, *decisions: dict[str, Any], settings: ServeSettings | None = None) -> Serving:
    serving = Serving(store, settings)
    serving.process = Line(*decisions)  # type: ignore[assignment]
    return serving


def talked(serving: Serving, talk: Talk) -> list[Talk]:
    async def run() -> list[Talk]:
        return [one async for one in playground.answer(serving, talk)]

    return run_aside(run)


def test_limits_and_toolsets_of_models_hold_here_as_well(store: Store):
    save_toolset(store, Toolset("other", curate.toolset(store, "small").tools[:1]), "test")
    settings = ServeSettings(tokens=9, toolsets={STARTER_ID: "other"})
    serving = served(store, decision(CALL), settings=settings)
    talked(serving, Talk().says("reach example.org"))
    (asked,) = serving.process.asked
    assert asked["wish"]["max_new_tokens"] == 9 and asked["toolset"]["name"] == "other"


def test_an_answer_grows_and_is_recorded(store: Store):
    serving = served(store, decision(CALL))
    grown = talked(serving, Talk(context={"os": "linux", "mode": "act"}).says("reach example.org"))
    assert [one.exchanges[0].growing for one in grown] == ["", "ra", ""]
    turn = grown[-1].exchanges[0]
    assert turn.done and turn.recorded and turn.decision and turn.decision["prompt"] == "P"
    (row,) = traffic.list_traffic(store)
    assert row["id"] == turn.completion and row["request"]["context"] == {"os": "linux", "mode": "act"}
    assert "prompt" not in row["reply"][0]
    told = playground.say(serving, grown[-1], 0, "bad")
    assert told.exchanges[0].verdict == "bad" and traffic.list_traffic(store)[0]["feedback"][0]["verdict"] == "bad"


def test_results_of_tools_go_back_to_the_model(store: Store):
    serving = served(store, decision(CALL, CALL), decision(text="up"))
    first = talked(serving, Talk().says("reach example.org"))[-1]
    for wrong in (["one"], ["one", " "]):
        with pytest.raises(WorkbenchError, match="Each call needs a result"):
            first.answers_calls(wrong)
    second = talked(serving, first.answers_calls(['{"up": true}', "yes"]))[-1]
    said = serving.process.asked[1]["messages"]  # type: ignore[attr-defined]
    assert [row["role"] for row in said] == ["system", "user", "assistant", "tool", "tool"]
    assert [row["result"] for row in said[3:]] == [{"up": True}, "yes"] and said[3]["name"] == "ping"
    with pytest.raises(WorkbenchError, match="tool's result"):
        playground.save(serving, second, 1)
    third = talked(served(store, decision(CALL)), second.says("and now example.org"))[-1]
    saved = playground.save(serving, third, 2)
    kept = curate.get(store, saved.exchanges[2].scenario)
    assert kept.request == "and now example.org"
    assert [turn.role for turn in kept.history] == ["user", "assistant", "tool", "tool", "assistant"]


def test_an_error_is_told_and_gives_way(store: Store):
    serving = served(store, {"error": "too long", "hint": "shorten", "kind": "request"}, decision(CALL))
    failed = talked(serving, Talk().says("x"))[-1]
    assert (failed.exchanges[0].error, failed.exchanges[0].hint) == ("too long", "shorten")
    again = talked(serving, failed.says("y"))[-1]
    assert len(again.exchanges) == 1 and again.exchanges[0].decision
    unknown = talked(serving, Talk(model="nobody").says("x"))[-1]
    assert "nobody" in unknown.exchanges[0].error


def test_an_answer_is_stopped_and_asked_again(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "COMMAND", (sys.executable, held_model.__file__))
    serving = Serving(store)

    async def stopped(talk: Talk, early: bool) -> Talk:
        stop = asyncio.Event()
        if early:
            stop.set()
        async with aclosing(playground.answer(serving, talk, stop)) as answer:
            async for grown in answer:
                if grown.exchanges[-1].growing:
                    stop.set()
        return grown

    try:
        first = run_aside(lambda: stopped(Talk().says("take your time"), early=False))
        turn = first.exchanges[0]
        assert turn.stopped and turn.done and turn.growing == held_model.BEGUN
        assert not turn.decision and not turn.completion and traffic.list_traffic(store) == []
        assert serving.process.waiting == 0
        # What was stopped stays to be seen; the model is not told of it.
        second = run_aside(lambda: stopped(first.says("no, wait"), early=True))
        assert [one.stopped for one in second.exchanges] == [True, True]
        third = talked(serving, second.says("be quick"))[-1]
        assert third.exchanges[2].decision and third.exchanges[2].decision["text"] == "2 taken back"
        assert [row["content"] for row in third.body()["messages"]] == ["be quick"]
        again = second.again()
        assert (
            again.exchanges[0] == turn
            and not again.exchanges[1].done
            and again.exchanges[1].said[0]["content"] == "no, wait"
        )
        for nothing in (Talk(), third, again):
            with pytest.raises(WorkbenchError, match="nothing to ask again"):
                nothing.again()
    finally:
        serving.close()


def test_what_is_near_a_held_out_scenario_needs_a_second_word(store: Store):
    serving = served(store, decision())
    talk = talked(serving, Talk().says("please ping host8"))[-1]
    near = playground.save(serving, talk, 0)
    assert near.exchanges[0].near and not near.exchanges[0].scenario
    saved = playground.save(serving, near, 0, near_held_out=True)
    assert curate.get(store, saved.exchanges[0].scenario).split == "test"


def test_a_reply_that_could_not_be_read_is_saved_to_be_corrected(store: Store):
    serving = served(store, decision(malformed="cut"))
    talk = talked(serving, Talk().says("hm"))[-1]
    kept = curate.get(store, playground.save(serving, talk, 0).exchanges[0].scenario)
    assert kept.status == "draft" and kept.source.startswith("playground:starter chatcmpl-")


def test_choices(store: Store):
    ids = [id for id, _ in playground.choices(Serving(store))]
    assert ids[:3] == ["served", "starter", "starter+int8"] and len(ids) == len(set(ids)) > 4
