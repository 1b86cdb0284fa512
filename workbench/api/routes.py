"""Routes under ``/api``: what the browser can do, a program can do. Each turns a request into one verb.

Errors that a person can put right are answered with 400 and
``{"error": {"message", "hint", "type": "workbench_error"}}``; anything else is a bug, answered with 500 and logged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from workbench.actions import curate
from workbench.actions.answers import MANY
from workbench.actions.config import Loaded
from workbench.actions.serving import Serving, SlowError
from workbench.actions.verbs import Json, Verbs
from workbench.api import curation, openai_routes
from workbench.api.artefact_routes import artefact_routes
from workbench.api.client_routes import client_routes
from workbench.api.inbox_routes import inbox_routes
from workbench.api.run_routes import run_routes
from workbench.api.served_routes import served_routes
from workbench.api.tool_routes import tool_routes
from workbench.api.uploads import received
from workbench.errors import WorkbenchError
from workbench.scenarios.exporting import SUFFIXES
from workbench.serving.process import BusyError, GoneError
from workbench.store.answers import AnswerFilter
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter

MEDIA_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}
OTHER_TYPE = "application/x-ndjson"
Runs = Annotated[list[str], Query()]
Filter = Annotated[AnswerFilter, Depends()]


class TrainRequest(BaseModel):
    """Body of ``POST /api/runs``; ``settings`` are those of ``TrainSettings``."""

    toolset: str = ""
    base: str = ""
    settings: dict[str, Any] = {}
    name: str = ""
    snapshot: str = ""
    allow_leaks: str = ""
    preset: str = ""
    like: str = ""


class SettleRequest(BaseModel):
    """Body of ``POST /api/duplicates``; ``action`` is keep, merge, variants or unmark."""

    action: str
    ids: list[str]
    keep: str = ""


class MeaningRequest(BaseModel):
    """Body of ``POST /api/meaning``; ``encoder`` is a folder or a hub id."""

    encoder: str
    toolset: str = ""


class PreflightRequest(BaseModel):
    """Body of ``POST /api/preflight``: as that of a training run."""

    toolset: str = ""
    base: str = ""
    settings: dict[str, Any] = {}
    preset: str = ""
    like: str = ""


class EvaluateRequest(BaseModel):
    """Body of ``POST /api/evaluate``."""

    models: list[str]
    split: str = ""
    snapshot: str = ""
    toolset: str = ""


class RerunRequest(BaseModel):
    """Body of ``POST /api/runs/{run_id}/rerun``: id of one scenario."""

    scenario: str


def install(app: FastAPI, store: Store, serving: Serving | None = None, loaded: Loaded | None = None) -> None:
    """Add the routes and the way errors are answered.

    Args:
        serving: where ``/v1`` is answered, too.
        loaded: the app's settings, where they are shown.
    """
    if serving:
        app.include_router(openai_routes.routes(serving))
        app.include_router(client_routes(serving, loaded), prefix="/api")
    app.include_router(_scenario_routes(store), prefix="/api")
    app.include_router(tool_routes(store), prefix="/api")
    app.include_router(_workspace_routes(store), prefix="/api")
    app.include_router(_duplicate_routes(store), prefix="/api")
    app.include_router(_run_routes(store), prefix="/api")
    app.include_router(_evaluation_routes(store), prefix="/api")
    app.include_router(run_routes(store), prefix="/api")
    app.include_router(_preflight_routes(store), prefix="/api")
    app.include_router(_endpoint_routes(store), prefix="/api")
    app.include_router(artefact_routes(store), prefix="/api")
    app.include_router(inbox_routes(store), prefix="/api")
    app.include_router(served_routes(store), prefix="/api")
    app.include_router(curation.routes(store), prefix="/api")
    app.include_router(_generate_routes(store), prefix="/api/generate")
    app.include_router(_comparison_routes(store), prefix="/api")
    app.add_exception_handler(WorkbenchError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)


def _scenario_routes(store: Store) -> APIRouter:
    """Scenarios."""
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

    return router


def _duplicate_routes(store: Store) -> APIRouter:
    """What is alike, and what is done about it."""
    router, verbs = APIRouter(), Verbs(store)

    @router.get("/duplicates")
    def duplicates(toolset: str = "", kind: str = "", offset: int = 0, limit: int = 50) -> Json:
        return verbs.duplicates(toolset, kind, offset, limit)

    @router.post("/duplicates")
    def settle(body: SettleRequest) -> Json:
        return verbs.settle(**body.model_dump(), author="api")

    @router.post("/meaning")
    def meaning(body: MeaningRequest) -> Json:
        return verbs.compare_meaning(**body.model_dump())

    @router.get("/similar")
    def similar(request: str, toolset: str = "", limit: int = 5) -> Json:
        return verbs.similar(request, toolset, limit)

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
        async with received(request, name) as path:
            return await run_in_threadpool(verbs.import_file, path, toolset, status, dry_run, name, how)

    @router.get("/export")
    def export(filter: Annotated[ScenarioFilter, Depends()], format: str = "jsonl", snapshot: str = "") -> Response:
        return _download(verbs.export(asdict(filter), format, snapshot), "scenarios", format)

    @router.get("/coverage")
    def coverage(toolset: str = "") -> Json:
        return verbs.coverage(toolset)

    return router


def _generate_routes(store: Store) -> APIRouter:
    """Drafts by rule or from a teacher; a body is an order, see ``actions.orders.Order``."""
    router, verbs = APIRouter(), Verbs(store)

    @router.post("")
    def generate(order: Annotated[dict[str, Any], Body()], dry_run: bool = False) -> Json:
        return verbs.generate(order, dry_run, "api")

    @router.post("/lines")
    def lines(order: Annotated[dict[str, Any], Body()]) -> Response:
        return _download(_encoded(verbs.generate_lines(order)), "drafts", "jsonl")

    @router.get("/vectors")
    def vectors(tool: Annotated[list[str] | None, Query()] = None, toolset: str = "") -> Response:
        headers = {"Content-Disposition": 'attachment; filename="test_vectors.json"'}
        pieces = _blocks(_encoded(verbs.vectors(toolset, tool or ())))
        return StreamingResponse(pieces, headers=headers, media_type="application/json")

    @router.post("/teacher")
    def teach(order: Annotated[dict[str, Any], Body()], resume: str = "") -> Json:
        return verbs.teach(order, resume, "api")

    @router.get("/teacher/{run_id}")
    def report(run_id: str) -> Json:
        return verbs.teacher_report(run_id)

    return router


def _endpoint_routes(store: Store) -> APIRouter:
    """Saved endpoints; a body is an endpoint, see ``evaluation.job.Service``."""
    router, verbs = APIRouter(), Verbs(store)

    @router.get("/endpoints")
    def endpoints() -> Json:
        return verbs.endpoints()

    @router.post("/endpoints")
    def save_endpoint(endpoint: Annotated[dict[str, Any], Body()]) -> Json:
        return verbs.save_endpoint(endpoint)

    @router.delete("/endpoints/{name:path}")
    def delete_endpoint(name: str) -> Json:
        return verbs.delete_endpoint(name)

    return router


def _run_routes(store: Store) -> APIRouter:
    """Training, and every run."""
    router, verbs = APIRouter(), Verbs(store)

    @router.get("/runs")
    def runs(kind: str = "", state: str = "", tag: str = "", text: str = "", deleted: bool = False) -> Json:
        return verbs.runs(kind, state, tag, text, deleted)

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

    return router


def _evaluation_routes(store: Store) -> APIRouter:
    """Evaluating, and what was answered."""
    router, verbs = APIRouter(), Verbs(store)

    @router.post("/evaluate")
    def evaluate(body: EvaluateRequest) -> Json:
        return verbs.evaluate(**body.model_dump())

    @router.get("/runs/{run_id}/replies")
    def replies(run_id: str, offset: int = 0, limit: int = 100) -> Json:
        return verbs.replies(run_id, offset, limit)

    @router.post("/runs/{run_id}/rerun")
    def rerun(run_id: str, body: RerunRequest) -> Json:
        return verbs.rerun(run_id, body.scenario)

    return router


def _preflight_routes(store: Store) -> APIRouter:
    """What a run would see and cost."""
    router, verbs = APIRouter(), Verbs(store)

    @router.post("/preflight")
    def preflight(body: PreflightRequest) -> Json:
        return verbs.preflight(**body.model_dump())

    @router.get("/preflight/{key}")
    def preflight_state(key: str) -> Json:
        return verbs.preflight_state(key)

    @router.get("/preflight/{key}/scenarios")
    def preflight_scenarios(key: str, offset: int = 0, limit: int = 50) -> Json:
        return verbs.preflight_scenarios(key, offset, limit)

    return router


def _comparison_routes(store: Store) -> APIRouter:
    """Evaluations side by side; filters are the fields of ``AnswerFilter``."""
    router, verbs = APIRouter(), Verbs(store)

    @router.get("/compare")
    def compare(
        run: Runs, filter: Filter, threshold: int = 0, offset: int = 0, limit: int = MANY, format: str = "json"
    ) -> Response:
        if format == "json":
            return JSONResponse(verbs.compare(run, asdict(filter), threshold, offset, limit))
        pieces = verbs.export_comparison(run, format, asdict(filter), threshold)
        return _download(_encoded(pieces), "comparison", format)

    @router.get("/compare/gate")
    def gate(run: Runs, margin: float | None = None, figure: str = "exact") -> Json:
        return verbs.gate(run, margin, figure)

    @router.get("/leaderboard")
    def leaderboard(snapshot: str, split: str = "test") -> Json:
        return verbs.leaderboard(snapshot, split)

    return router


def _download(pieces: Iterator[bytes], name: str, format: str) -> Response:
    """The pieces as a file to save. They are made while they are sent."""
    suffix = {**SUFFIXES, "html": ".html", "metrics": ".json"}.get(format, ".jsonl")
    kind = next((media for end, media in MEDIA_TYPES.items() if suffix.endswith(end)), OTHER_TYPE)
    headers = {"Content-Disposition": f'attachment; filename="{name}{suffix}"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(_blocks(pieces), headers=headers, media_type=kind)


def _encoded(pieces: Iterable[str]) -> Iterator[bytes]:
    return (piece.encode("utf-8") for piece in pieces)


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
    if isinstance(error, (BusyError, GoneError)):
        return JSONResponse({"error": body}, 429 if isinstance(error, BusyError) else 503, {"Retry-After": "1"})
    return JSONResponse({"error": body}, 408 if isinstance(error, SlowError) else 400)


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own complaints about parameters, in the same form as ours."""
    assert isinstance(error, RequestValidationError)
    found: Sequence[Any] = error.errors()
    message = "; ".join(f"{'.'.join(map(str, one['loc'][1:])) or 'body'}: {one['msg']}" for one in found)
    hint = "GET /api/openapi.json describes what each route takes."
    return JSONResponse({"error": {"message": message, "hint": hint, "type": "workbench_error"}}, 400)
