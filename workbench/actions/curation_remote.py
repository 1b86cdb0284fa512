"""The verbs of curation through the app that holds the store. Part of ``remote.RemoteVerbs``."""

from __future__ import annotations

import urllib.parse
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.actions import check
from workbench.actions.curation_verbs import Json


class RemoteCuration(ABC):
    """The same methods as ``CurationVerbs``."""

    @abstractmethod
    def _json(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Json:
        """The answer of one request."""

    def changes(self, limit: int = 50, before: int = 0) -> Json:
        return self._json("GET", "/api/changes", {"limit": limit, "before": before})

    def change(self, change_id: int) -> Json:
        return self._json("GET", f"/api/changes/{change_id}")

    def undo(self, change: int = 0, rest: bool = False) -> Json:
        return self._json("POST", "/api/undo", {"change": change, "rest": rest})

    def redo(self, change: int = 0, rest: bool = False) -> Json:
        return self._json("POST", "/api/redo", {"change": change, "rest": rest})

    def scenario_history(self, scenario_id: str) -> Json:
        return self._json("GET", f"/api/scenarios/{urllib.parse.quote(scenario_id, safe='')}/history")

    def snapshots(self) -> Json:
        return self._json("GET", "/api/snapshots")

    def compare_snapshots(self, before: str, after: str) -> Json:
        return self._json("GET", "/api/snapshots/compare", {"before": before, "after": after})

    def bulk_edit(
        self, edit: Mapping[str, Any], ids: Sequence[str] = (), filter: Mapping[str, str] | None = None
    ) -> Json:
        return self._json("POST", "/api/bulk", body={"edit": edit, "ids": list(ids), "filter": filter or {}})

    def targets(self, toolset: str = "") -> Json:
        return self._json("GET", "/api/targets", {"toolset": toolset})

    def set_targets(self, toolset: str = "", lines: Sequence[str] = (), preset: str = "") -> Json:
        return self._json("PUT", "/api/targets", body={"toolset": toolset, "lines": list(lines), "preset": preset})

    def arguments(self, toolset: str = "") -> Json:
        return self._json("GET", "/api/coverage/arguments", {"toolset": toolset})

    def review_queue(self, toolset: str = "", reviewer: str = "") -> Json:
        return self._json("GET", "/api/review", {"toolset": toolset, "reviewer": reviewer})

    def judge(self, scenario_id: str, verdict: str, reviewer: str = "") -> Json:
        return self._json("POST", "/api/review", body={"id": scenario_id, "verdict": verdict, "reviewer": reviewer})

    def agreement(self, toolset: str = "") -> Json:
        return self._json("GET", "/api/review/agreement", {"toolset": toolset})

    def set_reviewers(self, reviewers: int, toolset: str = "") -> Json:
        return self._json("PUT", "/api/review", body={"reviewers": reviewers, "toolset": toolset})

    def check(
        self, toolset: str = "", targets: Sequence[str] | None = None, preset: str = "", files: Sequence[Path] = ()
    ) -> Json:
        # Files are checked in a workspace of their own, which needs no app.
        if files:
            return check.check_files(files, toolset, targets, preset).to_dict()
        return self._json("GET", "/api/check", {"toolset": toolset, "target": targets or [], "preset": preset})
