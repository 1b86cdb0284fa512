"""One request to the router, with what it takes to act on the answer: which programs it means, and how to get them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any

from workbench.actions import curate
from workbench.actions.chat import served_models
from workbench.actions.machine import Machine
from workbench.actions.models import RUN_PREFIX, STARTER_ID
from workbench.actions.programs import Knowledge, Program, recommended
from workbench.actions.serving import ServeSettings, Serving
from workbench.records import RecordError, ToolCall, Toolset
from workbench.store import runs as run_store
from workbench.store.database import Store

Json = dict[str, Any]
MAX_REQUEST = 4000


@dataclass(frozen=True)
class Suggestion:
    """What the router says about a request.

    Attributes:
        completion: id of the recorded decision, for feedback.
        decision: calls, text, confidence and latency as ``inference.router.Decision`` has them.
        programs: what the calls recommend; empty where the tools are no programs.
    """

    request: str
    machine: Machine
    model: str
    toolset: str
    completion: str
    decision: Json
    programs: tuple[Program, ...]

    def to_dict(self) -> Json:
        kept = ("calls", "text", "confidence", "latency_ms", "malformed", "problems")
        return {
            "request": self.request,
            "os": self.machine.os,
            "shell": self.machine.shell,
            "system": self.machine.system,
            "model": self.model,
            "toolset": self.toolset,
            "id": self.completion,
            **{key: self.decision[key] for key in kept},
            "programs": [program.to_dict() for program in self.programs],
        }


async def suggest(serving: Serving, request: str, machine: Machine, model: str = "", toolset: str = "") -> Suggestion:
    """Ask a served model about a request that is made on a machine; the decision is recorded as any other.

    Args:
        model: empty takes the first configured one, else the one that was trained last, else the starter.
        toolset: empty takes the one that is served with the model.

    Raises:
        RecordError: the request is no text, or there is no such model.
        WorkbenchError: the process that holds the models is busy, slow or gone.
    """
    if not isinstance(request, str) or not request.strip() or len(request) > MAX_REQUEST:
        raise RecordError("request", f"must be a text of at most {MAX_REQUEST:,} characters")
    chosen = model or await asyncio.to_thread(default_model, serving.store, serving.settings, toolset)
    body = {"model": chosen, "messages": [{"role": "user", "content": prompt(request, machine)}]}
    ask = await asyncio.to_thread(serving.read, body, toolset)
    last: Json = {}
    async with aclosing(serving.answer(ask)) as events:
        async for event in events:
            last = event
    completion = f"chatcmpl-{secrets.token_hex(12)}"
    await asyncio.to_thread(serving.record, completion, ask, body, last["decisions"])
    (decision,) = last["decisions"]
    calls = [ToolCall.from_dict(call) for call in decision["calls"]]
    known = await asyncio.to_thread(_knowledge, serving.store, ask.toolset)
    found = tuple(recommended(calls, machine, known))
    return Suggestion(request, machine, ask.model.id, ask.toolset.name, completion, decision, found)


def suggest_here(
    store: Store, settings: ServeSettings, request: str, machine: Machine, model: str = "", toolset: str = ""
) -> Suggestion:
    """``suggest`` where no app runs: the model is loaded for this one request."""

    async def ask() -> Suggestion:
        return await suggest(serving, request, machine, model, toolset)

    # A thread of its own: whoever calls may be in an event loop already.
    with closing(Serving(store, settings)) as serving, ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(ask())).result()


def prompt(request: str, machine: Machine) -> str:
    """The request with its context in Caro's form; the toolset's prompt profile decides what becomes of it."""
    known = {"OS": machine.os, "Shell": machine.shell} if machine.os else {}
    parts = ", ".join(f"{label}: {value}" for label, value in known.items() if value)
    return f"{parts}\nQuery: {request}" if parts else request


def default_model(store: Store, settings: ServeSettings, toolset: str = "") -> str:
    """The model that is meant when none is named."""
    if settings.models:
        return settings.models[0]
    trained = (model.id for model in served_models(store) if model.id.startswith(RUN_PREFIX))
    return next((one for one in trained if not toolset or _trained_for(store, one) == toolset), STARTER_ID)


def _trained_for(store: Store, model_id: str) -> str:
    run = run_store.get(store, model_id.removeprefix(RUN_PREFIX))
    given: Mapping[str, Any] = run.config.get("toolset", {}) if run else {}
    return str(given.get("name", ""))


def _knowledge(store: Store, first: Toolset) -> Knowledge:
    """What all toolsets know of programs; the asked one is believed first."""
    return Knowledge.of([first, *(one for one in curate.toolsets(store) if one.name != first.name)])
