"""When a training run learns how fast, and how often it validates. Pure arithmetic."""

from __future__ import annotations

import math

from workbench.training.settings import TrainSettings

VALIDATIONS, FEW_VALIDATIONS = 6, 3
SHORT_STEPS, SHORT_SECONDS = 60, 300.0
"""A run of fewer steps, or with a closer time limit, validates a few times only: each costs it many steps."""


def learning_rate(settings: TrainSettings, step: int, total: int, seconds: float) -> float:
    """Rises over the warm-up, then follows the schedule, which ends at the last step or at the time limit.

    Args:
        step: steps done so far.
        seconds: since the worker began.
    """
    warm = min(1.0, (step + 1) / max(1.0, settings.warmup * total))
    done = max(step / total, seconds / settings.max_seconds if settings.max_seconds else 0.0)
    left = max(0.0, min(1.0, (1 - done) / (1 - settings.warmup)))
    fall = {"linear": left, "cosine": (1 - math.cos(math.pi * left)) / 2, "constant": 1.0}[settings.schedule]
    return settings.learning_rate * min(warm, fall)


def validation_interval(settings: TrainSettings, total: int) -> int:
    """Steps from one validation to the next in a run of so many steps."""
    few = total < SHORT_STEPS or 0 < settings.max_seconds < SHORT_SECONDS
    return settings.validate_every or -(-total // (FEW_VALIDATIONS if few else VALIDATIONS))
