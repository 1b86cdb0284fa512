"""The verbs through the app that holds the store. Knows HTTP and ``runs/app.json``; decides nothing.

DuckDB lets one process open a file. While an app runs, other programs on the computer therefore ask it.
"""

from __future__ import annotations

import io
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil

from workbench.actions import import_files
from workbench.actions.answers import MANY
from workbench.actions.artefact_verbs import RemoteArtefactVerbs
from workbench.actions.content import open_workspace
from workbench.actions.curation_remote import RemoteCuration
from workbench.actions.inbox_verbs import RemoteInboxVerbs
from workbench.actions.run_remote import RemoteRuns
from workbench.actions.served_verbs import RemoteServedVerbs
from workbench.actions.tool_verbs import RemoteToolVerbs
from workbench.actions.verbs import Json, Verbs
from workbench.errors import WorkbenchError
from workbench.records import Toolset
from workbench.scenarios import importing
from workbench.workspace import Workspace

TIMEOUT_SECONDS = 600.0
KNOCK_SECONDS = 5.0
# The app is on this computer: a proxy of the environment must not see its key.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class AppFile:
    """What a running app tells the programs of its own user: where it is and the key it accepts."""

    pid: int
    url: str
    key: str

    def write(self, workspace: Workspace) -> None:
        """Leave it in the workspace, readable by this user only."""
        fresh = workspace.app_file.with_suffix(".tmp")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        fresh.replace(workspace.app_file)

    @classmethod
    def read(cls, workspace: Workspace) -> AppFile | None:
        """The app that holds the workspace, or None when there is none (any more)."""
        try:
            found = cls(**json.loads(workspace.app_file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return found if psutil.pid_exists(found.pid) else None


@dataclass(frozen=True)
class RemoteVerbs(RemoteCuration, RemoteRuns):
    """The same methods as ``Verbs``, answered by the app at ``url``. Raises WorkbenchError as that does."""

    url: str
    key: str

    @property
    def tools(self) -> RemoteToolVerbs:
        return RemoteToolVerbs(self._json)

    @property
    def artefacts(self) -> RemoteArtefactVerbs:
        return RemoteArtefactVerbs(self._json)

    @property
    def inbox(self) -> RemoteInboxVerbs:
        return RemoteInboxVerbs(self._json, self._lines)

    @property
    def served(self) -> RemoteServedVerbs:
        return RemoteServedVerbs(self._json)

    def status(self) -> Json:
        return self._json("GET", "/api/status")

    def scenarios(self, filter: Mapping[str, str], offset: int = 0, limit: int = 50) -> Json:
        return self._json("GET", "/api/scenarios", {**filter, "offset": offset, "limit": limit})

    def save_scenario(self, data: Any) -> Json:
        return self._json("POST", "/api/scenarios", body=data)

    def import_file(
        self,
        path: Path,
        toolset: str = "",
        status: str = "",
        dry_run: bool = False,
        name: str = "",
        reading: Mapping[str, Any] | None = None,
    ) -> Json:
        query = {"name": name or path.name, "toolset": toolset, "status": status, "dry_run": dry_run}
        given = json.dumps(reading) if reading else ""
        # The app sees this file alone: what lies beside it goes along.
        text = importing.with_answers(path)
        try:
            with io.BytesIO(text.encode("utf-8")) if text is not None else path.open("rb") as content:
                return self._json("POST", "/api/import", {**query, "reading": given}, content)
        except OSError as error:
            raise WorkbenchError(f"Cannot read {path}: {error.strerror}.", "Choose another file.") from error

    def import_files(
        self,
        paths: Sequence[Path],
        toolset: str = "",
        status: str = "",
        dry_run: bool = False,
        reading: Mapping[str, Any] | None = None,
        progress: Callable[[str, float], None] | None = None,
    ) -> list[Json]:
        def read(path: Path, pending: Mapping[str, Toolset]) -> Json:
            if progress:
                progress(path.name, 0.0)
            return self.import_file(path, toolset, status, dry_run, reading=reading)

        return import_files.read_files(paths, read, dry_run)

    def export(self, filter: Mapping[str, str], format: str, snapshot: str = "") -> Iterator[bytes]:
        with self._open("GET", "/api/export", {**filter, "format": format, "snapshot": snapshot}) as answer:
            yield from answer

    def coverage(self, toolset: str = "") -> Json:
        return self._json("GET", "/api/coverage", {"toolset": toolset})

    def generate(self, order: Mapping[str, Any], dry_run: bool = False) -> Json:
        return self._json("POST", "/api/generate", {"dry_run": dry_run}, order)

    def generate_lines(self, order: Mapping[str, Any]) -> Iterator[str]:
        return self._lines("/api/generate/lines", {}, order)

    def vectors(self, toolset: str = "", tools: Sequence[str] = ()) -> Iterator[str]:
        return self._lines("/api/generate/vectors", {"toolset": toolset, "tool": list(tools)})

    def teach(self, order: Mapping[str, Any], resume: str = "") -> Json:
        return self._json("POST", "/api/generate/teacher", {"resume": resume}, order)

    def teacher_report(self, run_id: str) -> Json:
        return self._json("GET", f"/api/generate/teacher/{_quoted(run_id)}")

    def duplicates(self, toolset: str = "", kind: str = "", offset: int = 0, limit: int = 50) -> Json:
        query = {"toolset": toolset, "kind": kind, "offset": offset, "limit": limit}
        return self._json("GET", "/api/duplicates", query)

    def compare_meaning(self, encoder: str, toolset: str = "") -> Json:
        return self._json("POST", "/api/meaning", body={"encoder": encoder, "toolset": toolset})

    def similar(self, request: str, toolset: str = "", limit: int = 5) -> Json:
        return self._json("GET", "/api/similar", {"request": request, "toolset": toolset, "limit": limit})

    def settle(self, action: str, ids: Sequence[str], keep: str = "") -> Json:
        return self._json("POST", "/api/duplicates", body={"action": action, "ids": list(ids), "keep": keep})

    def runs(self, kind: str = "", state: str = "", tag: str = "", text: str = "", deleted: bool = False) -> Json:
        query = {"kind": kind, "state": state, "tag": tag, "text": text, "deleted": deleted}
        return self._json("GET", "/api/runs", query)

    def run(self, run_id: str) -> Json:
        return self._json("GET", f"/api/runs/{_quoted(run_id)}")

    def metrics(self, run_id: str, after: int = 0) -> Json:
        return self._json("GET", f"/api/runs/{_quoted(run_id)}/metrics", {"after": after})

    def log(self, run_id: str, lines: int = 50) -> Json:
        return self._json("GET", f"/api/runs/{_quoted(run_id)}/log", {"lines": lines})

    def cancel(self, run_id: str) -> Json:
        return self._json("POST", f"/api/runs/{_quoted(run_id)}/cancel")

    def train(
        self,
        toolset: str = "",
        base: str = "",
        settings: Mapping[str, Any] | None = None,
        name: str = "",
        snapshot: str = "",
        allow_leaks: str = "",
        preset: str = "",
        like: str = "",
    ) -> Json:
        body = {"toolset": toolset, "base": base, "settings": settings or {}, "name": name, "snapshot": snapshot}
        body |= {"allow_leaks": allow_leaks, "preset": preset, "like": like}
        return self._json("POST", "/api/runs", body=body)

    def preflight(
        self,
        toolset: str = "",
        base: str = "",
        settings: Mapping[str, Any] | None = None,
        preset: str = "",
        like: str = "",
    ) -> Json:
        body = {"toolset": toolset, "base": base, "settings": settings or {}, "preset": preset, "like": like}
        return self._json("POST", "/api/preflight", body=body)

    def preflight_state(self, key: str) -> Json:
        return self._json("GET", f"/api/preflight/{_quoted(key)}")

    def preflight_scenarios(self, key: str, offset: int = 0, limit: int = 50) -> Json:
        return self._json("GET", f"/api/preflight/{_quoted(key)}/scenarios", {"offset": offset, "limit": limit})

    def evaluate(self, models: Sequence[str], split: str = "", snapshot: str = "", toolset: str = "") -> Json:
        body = {"models": list(models), "split": split, "snapshot": snapshot, "toolset": toolset}
        return self._json("POST", "/api/evaluate", body=body)

    def endpoints(self) -> Json:
        return self._json("GET", "/api/endpoints")

    def save_endpoint(self, data: Mapping[str, Any]) -> Json:
        return self._json("POST", "/api/endpoints", body=data)

    def delete_endpoint(self, name: str) -> Json:
        return self._json("DELETE", f"/api/endpoints/{_quoted(name)}")

    def compare(
        self,
        run_ids: Sequence[str],
        filter: Mapping[str, Any] | None = None,
        threshold: int = 0,
        offset: int = 0,
        limit: int = MANY,
    ) -> Json:
        query = {"run": list(run_ids), **(filter or {}), "threshold": threshold, "offset": offset, "limit": limit}
        return self._json("GET", "/api/compare", query)

    def export_comparison(
        self, run_ids: Sequence[str], format: str, filter: Mapping[str, Any] | None = None, threshold: int = 0
    ) -> Iterator[str]:
        query = {"run": list(run_ids), **(filter or {}), "threshold": threshold, "format": format}
        return self._lines("/api/compare", query)

    def gate(self, run_ids: Sequence[str], margin: float | None = None, figure: str = "exact") -> Json:
        return self._json("GET", "/api/compare/gate", {"run": list(run_ids), "margin": margin, "figure": figure})

    def leaderboard(self, snapshot: str, split: str = "test") -> Json:
        return self._json("GET", "/api/leaderboard", {"snapshot": snapshot, "split": split})

    def rerun(self, run_id: str, scenario_id: str) -> Json:
        return self._json("POST", f"/api/runs/{_quoted(run_id)}/rerun", body={"scenario": scenario_id})

    def replies(self, run_id: str, offset: int = 0, limit: int = 100) -> Json:
        return self._json("GET", f"/api/runs/{_quoted(run_id)}/replies", {"offset": offset, "limit": limit})

    def suggest(
        self, request: str, machine: Mapping[str, Any] | None = None, model: str = "", toolset: str = ""
    ) -> Json:
        body = {"request": request, "machine": machine, "model": model, "toolset": toolset}
        return self._json("POST", "/api/suggest", body=body)

    def _lines(self, path: str, query: Mapping[str, Any], body: Any = None) -> Iterator[str]:
        with self._open("GET" if body is None else "POST", path, query, body) as answer:
            for line in answer:
                yield line.decode("utf-8")

    def _json(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Json:
        with self._open(method, path, query, body) as answer:
            data: Json = json.load(answer)
        return data

    def _open(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """The open answer. ``body``: bytes or an open file are sent as they are, anything else as JSON."""
        return self._request(method, path, query, body, TIMEOUT_SECONDS)

    def _request(self, method: str, path: str, query: Mapping[str, Any] | None, body: Any, timeout: float) -> Any:
        given = {name: value for name, value in (query or {}).items() if value not in ("", None)}
        url = f"{self.url}{path}?{urllib.parse.urlencode(given, doseq=True)}"
        is_file = isinstance(body, (bytes, io.BufferedIOBase))
        raw = body if body is None or is_file else json.dumps(body).encode()
        kind = "application/octet-stream" if is_file else "application/json"
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": kind}
        request = urllib.request.Request(url, data=raw, headers=headers, method=method)
        try:
            return _OPENER.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            raise _told(error) from error
        except (OSError, HTTPException) as error:
            raise WorkbenchError(f"The app at {self.url} does not answer.", "Start it again, or close it.") from error

    def is_there(self) -> bool:
        """Whether the app answers to this key."""
        try:
            with self._request("GET", "/api/status", None, None, KNOCK_SECONDS):
                return True
        except WorkbenchError:
            return False


@contextmanager
def reach(root: Path | None) -> Iterator[Verbs | RemoteVerbs]:
    """The verbs of a workspace: through its app when one runs, else on its store, which is closed at the end.

    Raises:
        WorkbenchError: the folder cannot be created, or a process that is no app holds the store.
    """
    found = AppFile.read(Workspace(root.resolve()) if root else Workspace())
    remote = RemoteVerbs(found.url, found.key) if found else None
    if remote and remote.is_there():
        yield remote
        return
    store = open_workspace(root)
    try:
        yield Verbs(store)
    finally:
        store.close()


def _quoted(run_id: str) -> str:
    return urllib.parse.quote(run_id, safe="")


def _told(error: urllib.error.HTTPError) -> WorkbenchError:
    """The error that the app answered with."""
    try:
        told = json.load(error)["error"]
        return WorkbenchError(told["message"], told["hint"])
    except (OSError, ValueError, KeyError, TypeError):
        return WorkbenchError(f"The app answered with an error ({error.code}).", "Its own output says more.")
