"""Scenarios in, replies out: renders prompts, lets the engine answer, parses. Knows no scores and no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workbench.dialects import get_dialect
from workbench.inference.engine import LoadedModel, Prompt, answer
from workbench.records import Reply, Scenario, Toolset
from workbench.scenarios.messages import to_messages


def reply_to(
    loaded: LoadedModel,
    scenarios: Sequence[Scenario],
    toolset: Toolset,
    max_new_tokens: int = 128,
    batch_size: int = 32,
) -> Iterator[Reply]:
    """The model's replies, batch by batch, not in the order of the scenarios."""
    dialect = get_dialect(loaded.dialect)
    prompts = [Prompt(s.id, dialect.render_prompt(to_messages(s, toolset), toolset.offered(s))) for s in scenarios]
    for found in answer(loaded, prompts, max_new_tokens, batch_size):
        yield Reply(
            scenario_id=found.id,
            raw=found.raw,
            parsed=dialect.parse(found.raw),
            latency_ms=found.latency_ms,
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.completion_tokens,
            confidence=found.confidence,
        )
