"""Scorers: a reply against what must happen. Pure; they know no model, no file and no store."""

from __future__ import annotations

from workbench.scenarios.scoring.strict import score

__all__ = ["score"]
