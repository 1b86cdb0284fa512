"""The ways in which a job's scenarios get their replies, one for each kind of model. Knows no run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from workbench.dialects import get_dialect
from workbench.evaluation.job import Job
from workbench.inference.chat_client import ChatClient
from workbench.records import NO_TOOL, ModelKind, Parsed, Reply, Scenario
from workbench.scenarios.nearest import copied_calls

StopWhen = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Calls a function as soon as the run is cancelled, see ``Reporter.when_cancelled``."""


class Answerer(Protocol):
    """A model that is ready.

    Attributes:
        notice: what people should know while it answers.
        stride: replies between two reports of progress.
        summary: figures of its own.
    """

    notice: str
    stride: int
    summary: dict[str, str]

    def replies(self, scenarios: Sequence[Scenario]) -> Iterator[Reply]:
        """A reply to each scenario as it comes. Raises WorkbenchError when there is no use in going on."""


@contextmanager
def open_answerer(job: Job, stop_when: StopWhen) -> Iterator[Answerer]:
    """The answerer for a job's model. Raises WorkbenchError when it cannot be made ready."""
    if job.service:
        with ChatClient(job.service.endpoint) as client, stop_when(client.stop):
            yield _Endpoint(job, client)
    else:
        yield _KINDS[job.model.kind](job)


class _Weights:
    """Weights in torch, many scenarios at once."""

    def __init__(self, job: Job) -> None:
        # torch and transformers take seconds to import.
        from workbench.inference.engine import load, set_up_process

        set_up_process(job.threads)
        self.job, self.loaded = job, load(job.model)
        self.notice, self.stride, self.summary = self.loaded.notice, job.batch_size, self.loaded.batching

    def replies(self, scenarios: Sequence[Scenario]) -> Iterator[Reply]:
        from workbench.inference.replies import reply_to

        job = self.job
        return reply_to(self.loaded, scenarios, job.toolset, job.max_new_tokens, job.batch_size, job.shots)


class _Gguf:
    """A GGUF file in llama.cpp."""

    def __init__(self, job: Job) -> None:
        from workbench.inference.gguf import open_gguf

        self.job, self.opened = job, open_gguf(job.model, job.threads)
        self.notice, self.stride, self.summary = "", 1, {"dialect": self.opened.dialect}

    def replies(self, scenarios: Sequence[Scenario]) -> Iterator[Reply]:
        from workbench.inference.gguf import reply_from_gguf

        return reply_from_gguf(self.opened, scenarios, self.job.toolset, self.job.max_new_tokens, self.job.shots)


class _Endpoint:
    """A model behind an endpoint, some requests at once."""

    def __init__(self, job: Job, client: ChatClient) -> None:
        self.job, self.client = job, client
        self.notice, self.stride, self.summary = "", client.endpoint.concurrency, {"dialect": "openai"}

    def replies(self, scenarios: Sequence[Scenario]) -> Iterator[Reply]:
        from workbench.inference.asking import ask_for_replies

        return ask_for_replies(self.client, scenarios, self.job.toolset, self.job.max_new_tokens, self.job.shots)


class _Nearest:
    """No model: the outcome of the nearest training scenario, its values copied from the request."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.notice, self.stride = "", 100
        self.summary: dict[str, str] = {}

    def replies(self, scenarios: Sequence[Scenario]) -> Iterator[Reply]:
        dialect = get_dialect("openai")
        for scenario in scenarios:
            began = time.perf_counter()
            found = self.job.neighbours.nearest(scenario, 1)
            calls = copied_calls(scenario.request, found[0]) if found else ()
            parsed = Parsed("calls", calls) if calls else Parsed("text", text=NO_TOOL)
            latency = (time.perf_counter() - began) * 1000
            yield Reply(scenario.id, dialect.render_reply(calls, NO_TOOL), parsed, latency, 0, 0)


_KINDS: dict[ModelKind, Callable[[Job], Answerer]] = {"weights": _Weights, "gguf": _Gguf, "nearest": _Nearest}
