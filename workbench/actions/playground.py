"""A conversation with a served model, turn by turn. Each turn is one chat completion, like any other program's."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.actions import curate, inbox
from workbench.actions.chat import Ask, listed_models, served_toolset
from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.decisions import read_decision, to_scenario
from workbench.actions.models import STARTER_ID, list_bases, variant
from workbench.actions.serving import Serving
from workbench.errors import WorkbenchError
from workbench.records import NO_TOOL
from workbench.store import inbox as inbox_store
from workbench.store import scenarios as scenario_store
from workbench.store.database import Store

Json = dict[str, Any]
ALTERNATIVES = 4
"""How many of the likeliest tokens are shown with each."""
LONGEST = 256
PLAYGROUND = "playground:"
"""Source of a scenario that was saved from a conversation; model and completion follow."""


@dataclass(frozen=True)
class Exchange:
    """One turn: what was said to the model, and what it answered.

    Attributes:
        said: messages in OpenAI's form: the person's, or the results of tools.
        growing: the raw reply as far as it is there, until ``decision`` is.
        stopped: whether the person ended it before it was whole; ``growing`` is how far it came.
        recorded: whether the decision was kept, so that feedback can be given.
        verdict: ``good`` or ``bad`` once somebody said so.
        error, hint: why there is no answer.
        scenario: id of the draft that was saved from it.
        near: why it cannot be a draft without a second word: what it is near to.
    """

    said: tuple[Json, ...]
    model: str
    growing: str = ""
    stopped: bool = False
    decision: Json | None = None
    completion: str = ""
    recorded: bool = False
    verdict: str = ""
    error: str = ""
    hint: str = ""
    scenario: str = ""
    near: str = ""

    @property
    def done(self) -> bool:
        return self.decision is not None or self.stopped or bool(self.error)


@dataclass(frozen=True)
class Talk:
    """A conversation with one model; what it is asked next can be put to another.

    Attributes:
        toolset: name of the toolset; empty takes the model's own.
        context: ``os``, ``shell``, ``mode``.
    """

    model: str = STARTER_ID
    toolset: str = ""
    context: Mapping[str, str] = field(default_factory=dict)
    constrained: bool = True
    exchanges: tuple[Exchange, ...] = ()

    def says(self, text: str) -> Talk:
        """With the next thing that the person says; a turn that failed gives way."""
        kept = tuple(one for one in self.exchanges if one.decision is not None or one.stopped)
        turn = Exchange(({"role": "user", "content": text},), self.model)
        return replace(self, exchanges=(*kept, turn))

    def again(self) -> Talk:
        """With the last turn, which has no answer, asked once more. Raises WorkbenchError when there is none."""
        *before, last = self.exchanges or (Exchange((), self.model),)
        if last.decision is not None or not last.done:
            raise WorkbenchError("There is nothing to ask again.", "Write what a person would say.")
        return replace(self, exchanges=(*before, Exchange(last.said, last.model)))

    def answers_calls(self, results: Sequence[str]) -> Talk:
        """With the results of the calls of the last decision, in their order.

        Raises:
            WorkbenchError: the last decision made no call, or a result is missing.
        """
        calls = self.exchanges[-1].decision["calls"] if self.exchanges and self.exchanges[-1].decision else []
        if not calls or len(calls) != len(results) or not all(result.strip() for result in results):
            raise WorkbenchError(
                "Each call needs a result.", 'Write what the tool gave back, such as {"status": "ok"}.'
            )
        ids = [_call_id(len(self.exchanges) - 1, at) for at in range(len(calls))]
        said = [{"role": "tool", "tool_call_id": id, "content": text} for id, text in zip(ids, results, strict=True)]
        return replace(self, exchanges=(*self.exchanges, Exchange(tuple(said), self.model)))

    def body(self, upto: int | None = None) -> Json:
        """The request of a turn, the last by default, as a chat completion's body. The model learns nothing of earlier
        turns that were stopped."""
        turns = self.exchanges[: len(self.exchanges) if upto is None else upto + 1]
        messages: list[Json] = []
        for at, turn in enumerate(turns):
            is_last = at == len(turns) - 1
            if is_last or not turn.stopped:
                messages += turn.said
            if turn.decision is not None and not is_last:
                messages.append(_answer(at, turn.decision))
        return {
            "model": turns[-1].model,
            "messages": messages,
            "context": dict(self.context),
            "constrained": self.constrained,
            "max_tokens": LONGEST,
        }

    def with_turn(self, at: int, **changes: Any) -> Talk:
        turns = [replace(one, **changes) if i == at else one for i, one in enumerate(self.exchanges)]
        return replace(self, exchanges=tuple(turns))


async def answer(serving: Serving, talk: Talk, stop: asyncio.Event | None = None) -> AsyncGenerator[Talk]:
    """The conversation while the answer to its last turn grows; last with the decision, or with the error.

    Args:
        stop: takes the request back when it is set, so that the turn ends as far as it came.
    """
    last, text = len(talk.exchanges) - 1, ""
    yield talk
    try:
        body = talk.body()
        ask = await asyncio.to_thread(_ask, serving, talk, body)
        completion = f"chatcmpl-{secrets.token_hex(12)}"
        async with aclosing(serving.answer(ask, stop)) as events:
            async for event in events:
                if "text" in event:
                    text = event["text"]
                    yield talk.with_turn(last, growing=text)
                    continue
                if "stopped" in event:
                    yield talk.with_turn(last, growing=text, stopped=True)
                    return
                kept = await asyncio.to_thread(serving.record, completion, ask, body, event["decisions"])
                yield talk.with_turn(
                    last, growing="", decision=event["decisions"][0], completion=completion, recorded=kept
                )
    except WorkbenchError as error:
        yield talk.with_turn(last, growing="", error=error.message, hint=error.hint)


async def warm_up(serving: Serving, model: str = STARTER_ID) -> None:
    """Load a model, so that the first question is answered at once. Raises WorkbenchError when that fails."""
    talk = Talk(model).says("hello")
    ask = await asyncio.to_thread(_ask, serving, talk, {**talk.body(), "max_tokens": 1})
    async with aclosing(serving.answer(ask)) as events:
        async for _ in events:
            pass


def choices(serving: Serving) -> list[tuple[str, str]]:
    """Models that can be talked to, as id and label: the served ones, these in eight bits, then bases of the hub."""
    listed = listed_models(serving.store, serving.settings.models, serving.settings.toolset)
    served = [model for id, model in listed if id == model.id]
    found = {id: model.label if id == model.id else f"{id}: {model.label}" for id, model in listed}
    small = {variant(model.id, int8=True): f"{model.label}, int8" for model in served if model.kind == "weights"}
    hub = {model.id: f"{model.label} (downloaded first)" for model in list_bases() if model.id != STARTER_ID}
    return list({**found, **small, **hub}.items())


def say(serving: Serving, talk: Talk, at: int, verdict: str) -> Talk:
    """Feedback on a turn. Raises WorkbenchError when its decision is not recorded."""
    serving.feedback(talk.exchanges[at].completion, verdict)
    return talk.with_turn(at, verdict=verdict)


def save(serving: Serving, talk: Talk, at: int, author: str = DEFAULT_AUTHOR, near_held_out: bool = False) -> Talk:
    """A turn as a draft that says where it comes from; the turn then names it, or what it is near to.

    A recorded decision is accepted in the inbox, so that it does not wait there any more.

    Args:
        near_held_out: save it although it is near a held-out scenario, pinned to that one's split.

    Raises:
        WorkbenchError: the turn has no answer, or answers a tool's result.
    """
    store, turn = serving.store, talk.exchanges[at]
    if turn.decision is None:
        raise WorkbenchError("There is no answer yet.", "Wait for it, or ask again.")
    recorded = inbox_store.get(store, turn.completion)
    try:
        if recorded and recorded.state == "open" and not turn.decision["malformed"]:
            return talk.with_turn(at, scenario=_accepted(store, turn, author, near_held_out), near="")
        declared = served_toolset(store, turn.model, talk.toolset or serving.settings.toolset_of(turn.model))
        draft = to_scenario(read_decision(talk.body(at), turn.decision), declared, turn.completion)
        draft = replace(draft, source=f"{PLAYGROUND}{turn.model} {turn.completion}")
        if scenario_store.get(store, draft.id) is None:
            curate.save_scenario(store, inbox.held_back(store, draft, near_held_out), author)
        return talk.with_turn(at, scenario=draft.id, near="")
    except inbox.HeldOutError as error:
        return talk.with_turn(at, near=error.message)


def _accepted(store: Store, turn: Exchange, author: str, near_held_out: bool) -> str:
    return inbox.accept(store, turn.completion, author, near_held_out).scenario


def _ask(serving: Serving, talk: Talk, body: Json) -> Ask:
    wish = {"stream": True, "logprobs": True, "top_logprobs": ALTERNATIVES, "show_prompt": True}
    most = min(body["max_tokens"], serving.settings.tokens)
    return serving.read({**body, **wish, "max_tokens": most}, talk.toolset, (talk.exchanges[-1].model,))


def _answer(at: int, decision: Json) -> Json:
    calls = [
        {
            "id": _call_id(at, i),
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)},
        }
        for i, call in enumerate(decision["calls"])
    ]
    content = decision["text"] or ("" if calls else decision["raw"] if decision["malformed"] else NO_TOOL)
    return {"role": "assistant", "content": content, **({"tool_calls": calls} if calls else {})}


def _call_id(at: int, i: int) -> str:
    return f"call_{at}_{i}"
