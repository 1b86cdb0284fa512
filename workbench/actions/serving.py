"""Serving: the process that answers, what is served, and the record of what it answered. Loads no torch."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import workbench
from workbench.actions import capture
from workbench.actions.chat import (
    MAX_TOKENS,
    Ask,
    NoModelError,
    listed_models,
    read_ask,
    served_toolset,
    snapshot_of,
)
from workbench.actions.served import ALIAS
from workbench.errors import WorkbenchError
from workbench.inference.gguf_file import engine_of
from workbench.jobs.local import worker_environment
from workbench.records import Model, RecordError
from workbench.scenarios.redaction import redact
from workbench.serving.process import WAITING, ModelProcess
from workbench.store import traffic
from workbench.store.database import Store

Json = dict[str, Any]
VERDICTS = ("good", "bad")
NOT_KEPT = ("logprobs", "prompt")
"""Parts of a decision that are for the caller alone: large, and they follow from the rest."""


@dataclass(frozen=True)
class ServeSettings:
    """What is served and kept.

    Attributes:
        models: ids of models beside the starter and the trained ones.
        toolset: for requests without tools; empty takes the model's own.
        traffic: whether decisions are recorded, redacted first.
        keep_days: how long they are kept.
        seconds: longest time for one answer.
        toolsets: by a model's id, where it is not ``toolset``.
        tokens: most that one reply may be asked to have.
        waiting: requests under way or waiting; further ones are refused until there is room.
        body_bytes: largest body of a request.
        body_seconds: longest time for a body to arrive.
        encoder: folder or hub id of a BERT-like model for ``/v1/embeddings``; empty serves none.
        rows: replies of one model that are written side by side.
        models_kept: models in memory at once, beside those that are answering.
        prefix_mb: memory of one model for prompts' beginnings that stay computed.
        threads: CPU threads of the process that holds the models; 0 lets torch choose.
    """

    models: tuple[str, ...] = ()
    toolset: str = ""
    traffic: bool = True
    keep_days: int = 90
    seconds: float = 120.0
    toolsets: Mapping[str, str] = field(default_factory=dict)
    tokens: int = MAX_TOKENS
    waiting: int = WAITING
    body_bytes: int = 4 << 20
    body_seconds: float = 30.0
    encoder: str = ""
    rows: int = 32
    models_kept: int = 2
    prefix_mb: int = 512
    threads: int = 0

    def toolset_of(self, model: str) -> str:
        """Name of the toolset for requests to a model that bring no tools; empty takes the model's own."""
        return self.toolsets.get(model, self.toolset)

    def limits(self) -> dict[str, int]:
        """Fields of ``serving.worker.Limits``."""
        return {"models": self.models_kept, "rows": self.rows, "prefix_mb": self.prefix_mb}


class SlowError(WorkbenchError):
    """No answer in the time that one may take."""


class Serving:
    """One open store, the settings, and the process that is started when it is first needed."""

    def __init__(self, store: Store, settings: ServeSettings | None = None) -> None:
        self.store, self.settings = store, settings or ServeSettings()
        told = self.settings
        environment = worker_environment(os.environ) | ({"OMP_NUM_THREADS": str(told.threads)} if told.threads else {})
        self.process = ModelProcess(store.workspace.runs / "serving.log", environment, told.waiting, told.limits())
        self.forget()

    def read(self, body: Any, toolset: str = "", more: Sequence[str] = ()) -> Ask:
        """Check a request's body against what is served and how much may be asked.

        Args:
            toolset: for a request without tools; empty takes the one that is served with its model.
            more: ids of models that may be asked beside the served ones.

        Raises:
            RecordError: a field is wrong; its path names it.
        """
        name = body.get("model") if isinstance(body, Mapping) else None
        served = toolset or self.settings.toolset_of(str(name))
        ask, most = read_ask(self.store, body, (*self.settings.models, *more), served), self.settings.tokens
        wanted = [key for key in ("max_completion_tokens", "max_tokens") if body.get(key) is not None]
        if wanted and ask.wish["max_new_tokens"] > most:
            raise RecordError(wanted[0], f"at most {most} tokens are written here", "Ask for fewer.")
        return replace(ask, wish={**ask.wish, "max_new_tokens": min(ask.wish["max_new_tokens"], most)})

    def answer(self, ask: Ask, stop: asyncio.Event | None = None) -> AsyncGenerator[Json]:
        """Events of ``ModelProcess.ask``; an error of the request is raised.

        Args:
            stop: takes the request back as soon as it is set.

        Raises:
            SlowError: it took too long; the request was taken back.
            WorkbenchError: the request cannot be answered.
        """
        return self._events(ask.to_process(), stop)

    async def warm(self, name: str) -> None:
        """Load a model, so that its first request need not wait. Requests under way go on meanwhile, and no model that
        is answering is forgotten: whatever a name stands for can be swapped without refusing anybody.

        Raises:
            NoModelError: no such model is served.
            WorkbenchError: it cannot be loaded.
        """
        model = self.find(name)
        toolset = served_toolset(self.store, model.id, self.settings.toolset_of(name))
        async with aclosing(self._events({"warm": asdict(model), "toolset": toolset.to_dict()})) as events:
            async for _ in events:
                pass

    def models(self) -> list[tuple[str, Model, str]]:
        """Each name that a request may use, with its model and what computes its answers."""
        found = listed_models(self.store, self.settings.models, self.settings.toolset)
        return [(name, model, engine_of(model)) for name, model in found]

    def find(self, name: str) -> Model:
        """The served model of that name. Raises NoModelError."""
        for known, model in listed_models(self.store, self.settings.models, self.settings.toolset):
            if known == name:
                return model
        raise NoModelError("model", f"the model '{name}' does not exist", "GET /v1/models lists those that do.")

    async def embed(self, texts: Sequence[str]) -> Json:
        """``vectors``, base64 of little-endian float32 of length 1, and ``tokens``, their number.

        Raises:
            WorkbenchError: there is no encoder, or it cannot be loaded.
        """
        if not self.settings.encoder:
            raise WorkbenchError("No encoder is configured, so there are no embeddings.", "Name one where you serve.")
        last: Json = {}
        asked = {"encoder": self.settings.encoder, "texts": list(texts)}
        async with aclosing(self._events(asked)) as events:
            async for event in events:
                last = event
        return last

    def health(self) -> Json:
        """What answers requests, and whether it can."""
        told = self.settings
        name = next(iter([*told.models, ALIAS]))
        state = {"process": self.process.pid is not None, "waiting": self.process.waiting, **self.process.about}
        found: Json = {"status": "ok", "version": workbench.__version__, "model": name, "device": None, **state}
        try:
            model = self.find(name)
            toolset = served_toolset(self.store, model.id, told.toolset_of(name)).name
        except WorkbenchError as error:
            return {**found, "status": "degraded", "problem": str(error), "toolset": told.toolset, "snapshot": ""}
        about = {"model": model.id, "engine": engine_of(model), "toolset": toolset}
        return {**found, **about, "snapshot": snapshot_of(self.store, model.id)}

    async def _events(self, asked: Json, stop: asyncio.Event | None = None) -> AsyncGenerator[Json]:
        try:
            async with aclosing(self.process.ask(asked, stop, self.settings.seconds)) as events:
                async for event in events:
                    if "error" in event:
                        if event["kind"] == "bug":
                            raise RuntimeError(event["error"])
                        raise WorkbenchError(event["error"], event["hint"])
                    yield event
        except TimeoutError as error:
            limit = f"{self.settings.seconds:g} seconds"
            raise SlowError(f"There was no answer within {limit}.", "Ask for fewer tokens, or try again.") from error

    def record(self, completion: str, ask: Ask, body: Mapping[str, Any], decisions: list[Json]) -> bool:
        """Keep a decision, redacted; on disk when this returns. Says whether it was kept: recording may be off."""
        if not self.settings.traffic or not capture.wanted(self.store, completion):
            return False
        kept = [{key: value for key, value in one.items() if key not in NOT_KEPT} for one in decisions]
        traffic.record(self.store, completion, ask.model.id, ask.toolset.name, redact(body), redact(kept))
        return True

    def forget(self) -> None:
        """Delete decisions that are older than the shorter of the two limits."""
        traffic.forget_before(self.store, min(self.settings.keep_days, capture.get(self.store).keep_days))

    def feedback(self, completion: str, verdict: str, comment: str = "", expected: Any = None) -> Json:
        """Keep what a person or program says of a completion.

        Raises:
            WorkbenchError: no such completion is recorded, or the verdict is no word that is known.
        """
        if verdict not in VERDICTS:
            raise WorkbenchError(f"The verdict '{verdict}' is not known.", f"Use {' or '.join(VERDICTS)}.")
        said = redact({"comment": comment, "expected": expected})
        traffic.give_feedback(self.store, completion, verdict, said)
        return {"id": completion, "verdict": verdict}

    def close(self) -> None:
        """End the process."""
        self.process.close()
