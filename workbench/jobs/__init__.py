"""Start, watch and stop workers. Knows run folders and processes; knows no torch, no store and no UI."""

from __future__ import annotations

from workbench.jobs.cancel import enforce_cancel, request_cancel
from workbench.jobs.local import launch
from workbench.jobs.watch import observe

__all__ = ["enforce_cancel", "launch", "observe", "request_cancel"]
