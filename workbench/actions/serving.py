"""Serving: the process that answers, what is served, and the record of what it answered. Loads no torch."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.actions import capture
from workbench.actions.chat import MAX_TOKENS, Ask, read_ask
from workbench.errors import WorkbenchError
from workbench.jobs.local import worker_environment
from workbench.records import RecordError
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
        waiting: requests that may be under way; further ones are refused.
        body_bytes: largest body of a request.
        body_seconds: longest time for a body to arrive.
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


class SlowError(WorkbenchError):
    """No answer in the time that one may take."""


class Serving:
    """One open store, the settings, and the process that is started when it is first needed."""

    def __init__(self, store: Store, settings: ServeSettings | None = None) -> None:
        self.store, self.settings = store, settings or ServeSettings()
        self.process = ModelProcess(
            store.workspace.runs / "serving.log", worker_environment(os.environ), self.settings.waiting
        )
        self.forget()

    def read(self, body: Any, toolset: str = "") -> Ask:
        """Check a request's body against what is served and how much may be asked.

        Args:
            toolset: for a request without tools; empty takes the one that is served with its model.

        Raises:
            RecordError: a field is wrong; its path names it.
        """
        name = body.get("model") if isinstance(body, Mapping) else None
        served = toolset or self.settings.toolsets.get(str(name), self.settings.toolset)
        ask, most = read_ask(self.store, body, self.settings.models, served), self.settings.tokens
        wanted = [key for key in ("max_completion_tokens", "max_tokens") if body.get(key) is not None]
        if wanted and ask.wish["max_new_tokens"] > most:
            raise RecordError(wanted[0], f"at most {most} tokens are written here", "Ask for fewer.")
        return replace(ask, wish={**ask.wish, "max_new_tokens": min(ask.wish["max_new_tokens"], most)})

    async def answer(self, ask: Ask) -> AsyncGenerator[Json]:
        """Events of ``ModelProcess.ask``; an error of the request is raised.

        Raises:
            SlowError: it took too long; the request was taken back.
            WorkbenchError: the request cannot be answered.
        """
        try:
            async with asyncio.timeout(self.settings.seconds):
                async for event in self.process.ask(ask.to_process()):
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
