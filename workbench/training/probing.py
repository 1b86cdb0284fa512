"""What a training run would cost on this machine, from a few steps that change nothing."""

from __future__ import annotations

import time
from typing import Any

from workbench.training.loop import Loop
from workbench.training.memory import peak_memory_mb
from workbench.training.schedule import validation_interval


def probe(loop: Loop, startup_s: float) -> dict[str, Any]:
    """Two steps after a first one that warms up, and one validation.

    The steps have a learning rate of 0, so that losses say nothing odd.

    Args:
        startup_s: seconds from the worker's start until it could train.

    Returns:
        ``{"seconds", "step_seconds", "validation_seconds", "startup_seconds", "total_steps", "memory_mb"}``.
    """
    step_s, validation_s = _step_seconds(loop), _validation_seconds(loop)
    validations = -(-loop.total // validation_interval(loop.settings, loop.total))
    seconds = startup_s + loop.total * step_s + validations * validation_s
    limit = loop.settings.max_seconds
    return {
        "seconds": round(min(seconds, limit) if limit else seconds, 1),
        "step_seconds": round(step_s, 3),
        "validation_seconds": round(validation_s, 2),
        "startup_seconds": round(startup_s, 1),
        "total_steps": loop.total,
        "memory_mb": peak_memory_mb(),
    }


def _step_seconds(loop: Loop) -> float:
    at_once = loop.settings.accumulate
    batches = sorted(loop.feed.batches(0), key=lambda batch: batch.weight)
    # The heaviest batch decides on the memory, one from the middle on the time.
    loop.trainee.step(batches[-at_once:], 0.0)
    middle = batches[max(0, len(batches) // 2 - at_once) :][:at_once]
    started = time.time()
    for _ in range(2):
        loop.trainee.step(middle, 0.0)
    return (time.time() - started) / 2


def _validation_seconds(loop: Loop) -> float:
    started = time.time()
    if loop.validator.has_scenarios:
        loop.validator.loss()
        loop.validator.answer()
    return time.time() - started
