"""Figures of the served router for monitors, in Prometheus' text format. One registry a server, none global."""

from __future__ import annotations

from typing import Any

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BOUNDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Figures:
    """Counters that the routes feed."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        made: Any = {"registry": self._registry, "namespace": "router"}
        self._requests = Counter("requests", "Requests by HTTP status.", ["status"], **made)
        self._latency = Histogram("latency_seconds", "Seconds until the answer.", buckets=_BOUNDS, **made)
        self._tokens = Counter("tokens", "Tokens by kind.", ["kind"], **made)
        self._waiting = Gauge("waiting", "Requests without an answer yet.", **made)
        self._memory = Gauge("model_memory_bytes", "Memory of the process that holds the models.", **made)

    def count(self, status: int, seconds: float) -> None:
        self._requests.labels(str(status)).inc()
        self._latency.observe(seconds)

    def tokens(self, decisions: list[dict[str, Any]]) -> None:
        for decision in decisions:
            self._tokens.labels("completion").inc(decision["completion_tokens"])
        self._tokens.labels("prompt").inc(decisions[0]["prompt_tokens"])

    def text(self, waiting: int, pid: int | None) -> bytes:
        """All figures of this moment."""
        self._waiting.set(waiting)
        try:
            self._memory.set(psutil.Process(pid).memory_info().rss if pid else 0)
        except psutil.NoSuchProcess:
            self._memory.set(0)
        return generate_latest(self._registry)
