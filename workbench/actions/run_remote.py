"""The verbs of the list and the queue of runs through the app that holds the store. Part of ``remote.RemoteVerbs``."""

from __future__ import annotations

import urllib.parse
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.actions.run_verbs import Json


class RemoteRuns(ABC):
    """The same methods as ``RunVerbs``."""

    @abstractmethod
    def _json(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Json:
        """The answer of one request."""

    @abstractmethod
    def _lines(self, path: str, query: Mapping[str, Any], body: Any = None) -> Iterator[str]:
        """The lines of a file."""

    def resume(self, run_id: str) -> Json:
        return self._json("POST", f"{_path(run_id)}/resume")

    def move_run(self, run_id: str, where: str) -> Json:
        return self._json("POST", f"{_path(run_id)}/move", {"where": where})

    def edit_run(self, run_id: str, name: str | None = None, tags: Sequence[str] | None = None) -> Json:
        body = {"name": name, "tags": None if tags is None else list(tags)}
        return self._json("PATCH", _path(run_id), body=body)

    def diff_runs(self, run_id: str, other_id: str) -> Json:
        return self._json("GET", f"{_path(run_id)}/diff/{urllib.parse.quote(other_id, safe='')}")

    def curves(self, run_ids: Sequence[str]) -> Iterator[str]:
        return self._lines("/api/curves", {"run": list(run_ids)})

    def delete_runs(self, run_ids: Sequence[str]) -> Json:
        return self._json("DELETE", "/api/runs", {"run": list(run_ids)})

    def restore_runs(self, run_ids: Sequence[str]) -> Json:
        return self._json("POST", "/api/trash/restore", {"run": list(run_ids)})

    def empty_trash(self, days: float = 0) -> Json:
        return self._json("DELETE", "/api/trash", {"days": days})

    def auto_train(
        self, toolset: str = "", min_new: int = 0, base: str = "", settings: Mapping[str, Any] | None = None
    ) -> Json:
        body = {"toolset": toolset, "min_new": min_new, "base": base, "settings": settings or {}}
        return self._json("POST", "/api/auto-train", body=body)

    def auto_rule(self, toolset: str = "") -> Json:
        return self._json("GET", "/api/auto-train", {"toolset": toolset})

    def set_auto_rule(
        self,
        toolset: str = "",
        active: bool = False,
        min_new: int = 0,
        base: str = "",
        settings: Mapping[str, Any] | None = None,
        swap: str = "",
    ) -> Json:
        body = {"toolset": toolset, "active": active, "min_new": min_new, "base": base, "settings": settings or {}}
        body |= {"swap": swap}
        return self._json("PUT", "/api/auto-train", body=body)


def _path(run_id: str) -> str:
    return f"/api/runs/{urllib.parse.quote(run_id, safe='')}"
