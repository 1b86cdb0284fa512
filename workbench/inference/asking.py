"""Scenarios in, replies out, from a chat endpoint. A failure to answer is a reply, too, with its kind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from workbench.dialects import get_dialect
from workbench.dialects.openai import as_messages
from workbench.errors import WorkbenchError
from workbench.inference.chat_client import ChatClient
from workbench.inference.completions import Answer, ChatFailure, FailureKind
from workbench.records import Parsed, Reply, Scenario, Toolset
from workbench.scenarios.messages import Shots, no_shots, to_messages

CLOSED_KINDS: tuple[FailureKind, ...] = ("refused_key", "connection")
CLOSED_STATUSES = (402, 404, 405)
MOST_CLOSED = 3
"""So many answers in a row that do not depend on what was asked (key refused, nobody there, no such address) end it."""
SLOW_KINDS: tuple[FailureKind, ...] = ("timeout", "endless", "truncated")
MOST_SLOW = 20
"""So many in a row that each cost their time and retries end it, too. What fails fast is recorded, however often."""


class EndpointGone(WorkbenchError):
    """The endpoint fails in a way that the next request would meet again."""


def ask_for_replies(
    client: ChatClient,
    scenarios: Sequence[Scenario],
    toolset: Toolset,
    max_new_tokens: int = 128,
    shots: Shots = no_shots,
) -> Iterator[Reply]:
    """Replies as they come, not in the order of the scenarios; latencies count retries and waiting between them.

    Once the client is stopped no more come.

    Raises:
        EndpointGone: after ``MOST_CLOSED`` or ``MOST_SLOW`` failures in a row, which came as replies before.
    """
    # Rules and the like, which stand beside the function, are nothing that an endpoint expects.
    tools = [{"type": "function", "function": tool.to_dict()["function"]} for tool in toolset.tools]
    options = {"tools": tools, "temperature": 0, "max_tokens": max_new_tokens}
    began: dict[str, float] = {}
    closed = slow = 0

    def ask(scenario: Scenario) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        began[scenario.id] = time.perf_counter()
        return as_messages(to_messages(scenario, toolset, shots(scenario))), options

    for scenario, answer in client.complete_all(scenarios, ask):
        failed = answer if isinstance(answer, ChatFailure) else None
        if failed and failed.kind == "cancelled":
            continue
        yield _reply(scenario.id, answer, (time.perf_counter() - began.pop(scenario.id)) * 1000)
        closed = closed + 1 if failed and _is_closed(failed) else 0
        slow = slow + 1 if failed and failed.kind in SLOW_KINDS else 0
        if failed and (closed >= MOST_CLOSED or slow >= MOST_SLOW):
            hint = failed.hint or "Try again when it answers."
            raise EndpointGone(f"{closed or slow} requests in a row failed: {failed.message}", hint)


def _is_closed(failure: ChatFailure) -> bool:
    return failure.kind in CLOSED_KINDS or failure.status in CLOSED_STATUSES


def _reply(scenario_id: str, answer: Answer, waited_ms: float) -> Reply:
    if isinstance(answer, ChatFailure):
        reason = f"{answer.message} {answer.hint}".strip()
        return Reply(scenario_id, "", Parsed("failed", reason=reason), waited_ms, 0, 0, failure=answer.kind)
    raw = json.dumps(dict(answer.message), ensure_ascii=False)
    parsed = get_dialect("openai").parse(raw)
    usage = answer.usage
    return Reply(scenario_id, raw, parsed, waited_ms, usage.prompt_tokens, usage.completion_tokens)
