"""Decisions as a served router leaves them behind, without a model."""

from typing import Any

from workbench.store import traffic
from workbench.store.database import Store


def record(store: Store, completion: str, request: str, calls: Any = (), **more: Any) -> str:
    """Keep one decision on the small workspace's toolset; returns the completion's id."""
    body: dict[str, Any] = {"model": more.get("model", "starter"), "messages": [{"role": "user", "content": request}]}
    body |= more.get("body", {})
    reply = {
        "calls": [{"name": name, "arguments": arguments} for name, arguments in calls],
        "text": "" if calls else "NO_TOOL",
        "raw": "raw",
        "confidence": more.get("confidence", 0.99),
        "latency_ms": 12.0,
        "malformed": more.get("malformed", ""),
        "problems": more.get("problems", []),
    }
    toolset = more.get("toolset", "small")
    traffic.record(store, completion, body["model"], toolset, body, [reply], more.get("at", ""))
    return completion
