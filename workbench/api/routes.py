"""Routes under ``/api``: what the browser can do, a program can do. Each turns a request into one verb.

Errors that a person can put right are answered with 400 and
``{"error": {"message", "hint", "type": "workbench_error"}}``; anything else is a bug, answered with 500 and logged.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from workbench.actions import curate
from workbench.actions.verbs import Json, Verbs
from workbench.errors import WorkbenchError
from workbench.runfolder import explain
from workbench.scenarios.exporting import SUFFIXES
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter

BINARY_TYPE = "application/vnd.apache.parquet"
MEDIA_TYPES = {".csv": "text/csv; charset=utf-8", ".json": "application/json", ".parquet": BINARY_TYPE}
OTHER_TYPE = "application/x-ndjson"
UPLOAD_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".md", ".parquet")


class TrainRequest(BaseModel):
    """Body of ``POST /api/runs``; ``settings`` are those of ``TrainSettings``."""

    toolset: str = ""
    base: str = "starter"
    settings: dict[str, Any] = {}
    name: str = ""
    snapshot: str = ""


class EvaluateRequest(BaseModel):
    """Body of ``POST /api/evaluate``."""

    models: list[str]
    split: str = "test"
    snapshot: str = ""
    toolset: str = ""


def install(app: FastAPI, store: Store) -> None:
    """Add the routes and the way errors are answered."""
    app.include_router(_scenario_routes(store), prefix="/api")
    app.include_router(_workspace_routes(store), prefix="/api")
    app.include_router(_run_routes(store), prefix="/api")
    app.add_exception_handler(WorkbenchError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)


def _scenario_routes(store: Store) -> APIRouter:
    """Scenarios and toolsets."""
    router, verbs = APIRouter(), Verbs(store)

    @router.get("/scenarios")
    def find(filter: Annotated[ScenarioFilter, Depends()], offset: int = 0, limit: int = 50) -> Json:
        return verbs.scenarios(asdict(filter), offset, limit)

    @router.post("/scenarios")
    def save(scenario: Annotated[Any, Body()]) -> Json:
        return verbs.save_scenario(scenario, "api")

    @router.get("/scenarios/{scenario_id}")
    def get(scenario_id: str) -> Json:
        return curate.get(store, scenario_id).to_dict()

    @router.delete("/scenarios/{scenario_id}")
    def delete(scenario_id: str) -> Json:
        return {"id": scenario_id, "change": curate.delete(store, [scenario_id], "api")}

    @router.post("/undo")
    def undo() -> Json:
        return {"undone": curate.undo(store, "api").id}

    @router.get("/toolsets/{name}")
    def toolset(name: str) -> Json:
        return curate.toolset(store, name).to_dict()

    return router


def _workspace_routes(store: Store) -> APIRouter:
    """What there is, and files in and out."""
    router, verbs = APIRouter(), Verbs(store)

    @router.get("/status")
    def status() -> Json:
        return verbs.status()

    @router.post("/import")
    async def import_file(
        request: Request,
        name: str = "upload",
        toolset: str = "",
        status: str = "",
        dry_run: bool = False,
        reading: str = "",
    ) -> Json:
        how = _json_object(reading, "reading")
        with tempfile.TemporaryDirectory(prefix="workbench-import-") as folder:
            # The name from outside is shown, never used as a path; its suffix may tell the format.
            suffix = next((suffix for suffix in UPLOAD_SUFFIXES if name.lower().endswith(suffix)), "")
            path = Path(folder) / f"upload{suffix}"
            try:
                with path.open("wb") as file:
                    async for chunk in request.stream():
                        file.write(chunk)
            except OSError as error:
                raise WorkbenchError(f"The file could not be taken in. {explain(error)}") from error
            return await run_in_threadpool(verbs.import_file, path, toolset, status, dry_run, name, how)

    @router.get("/export")
    def export(filter: Annotated[ScenarioFilter, Depends()], format: str = "jsonl", snapshot: str = "") -> Response:
        return _download(verbs.export(asdict(filter), format, snapshot), "scenarios", format)

    @router.get("/coverage")
    def coverage(toolset: str = "") -> Json:
        return verbs.coverage(toolset)

    return router


def _run_routes(store: Store) -> APIRouter:
    """Training, evaluating, comparing."""
    router, verbs = APIRouter(), Verbs(store)

    @router.get("/runs")
    def runs(kind: str = "") -> Json:
        return verbs.runs(kind)

    @router.post("/runs")
    def train(body: TrainRequest) -> Json:
        return verbs.train(**body.model_dump())

    @router.get("/runs/{run_id}")
    def run(run_id: str) -> Json:
        return verbs.run(run_id)

    @router.get("/runs/{run_id}/metrics")
    def metrics(run_id: str, after: int = 0) -> Json:
        return verbs.metrics(run_id, after)

    @router.get("/runs/{run_id}/log")
    def log(run_id: str, lines: int = 50) -> Json:
        return verbs.log(run_id, lines)

    @router.post("/runs/{run_id}/cancel")
    def cancel(run_id: str) -> Json:
        return verbs.cancel(run_id)

    @router.post("/evaluate")
    def evaluate(body: EvaluateRequest) -> Json:
        return verbs.evaluate(**body.model_dump())

    @router.get("/compare")
    def compare(run: Annotated[list[str], Query()], differing: bool = False, format: str = "json") -> Response:
        if format == "json":
            return JSONResponse(verbs.compare(run, differing))
        lines = verbs.export_comparison(run, format, differing)
        return _download((line.encode("utf-8") for line in lines), "comparison", format)

    return router


def _download(pieces: Iterator[bytes], name: str, format: str) -> Response:
    """The pieces as a file to save. They are made while they are sent."""
    suffix = SUFFIXES.get(format, ".jsonl")
    kind = next((media for end, media in MEDIA_TYPES.items() if suffix.endswith(end)), OTHER_TYPE)
    headers = {"Content-Disposition": f'attachment; filename="{name}{suffix}"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(_blocks(pieces), headers=headers, media_type=kind)


def _blocks(pieces: Iterable[bytes], size: int = 1 << 16) -> Iterator[bytes]:
    """The same in pieces of about ``size`` bytes: one piece a line would cost a thread switch each."""
    held: list[bytes] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length >= size:
            yield b"".join(held)
            held, length = [], 0
    yield b"".join(held)


def _json_object(text: str, name: str) -> Json:
    """The JSON object in a query's value; empty where there is none. Raises WorkbenchError."""
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise WorkbenchError(f"'{name}' must be a JSON object.", 'Write it like {"format": "csv"}.')
    return value


async def _answer_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, WorkbenchError)
    body: Json = {"message": error.message, "hint": error.hint, "type": "workbench_error"}
    if isinstance(error, curate.ProblemsError):
        body["problems"] = [problem.to_dict() for problem in error.problems]
    return JSONResponse({"error": body}, 400)


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own complaints about parameters, in the same form as ours."""
    assert isinstance(error, RequestValidationError)
    found: Sequence[Any] = error.errors()
    message = "; ".join(f"{'.'.join(map(str, one['loc'][1:])) or 'body'}: {one['msg']}" for one in found)
    hint = "GET /api/openapi.json describes what each route takes."
    return JSONResponse({"error": {"message": message, "hint": hint, "type": "workbench_error"}}, 400)
