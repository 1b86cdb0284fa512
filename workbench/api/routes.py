"""Routes under ``/api``: what the browser can do, a program can do. Each turns a request into one verb.

Errors that a person can put right are answered with 400 and
``{"error": {"message", "hint", "type": "workbench_error"}}``; anything else is a bug, answered with 500 and logged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from workbench.actions import curate
from workbench.actions.verbs import Json, Verbs
from workbench.api import curation
from workbench.api.run_routes import run_routes
from workbench.api.tool_routes import tool_routes
from workbench.api.uploads import received
from workbench.errors import WorkbenchError
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter

MEDIA_TYPES = {"csv": "text/csv; charset=utf-8"}


class TrainRequest(BaseModel):
    """Body of ``POST /api/runs``; ``settings`` are those of ``TrainSettings``."""

    toolset: str = ""
    base: str = ""
    settings: dict[str, Any] = {}
    name: str = ""
    snapshot: str = ""
    like: str = ""


class EvaluateRequest(BaseModel):
    """Body of ``POST /api/evaluate``."""

    models: list[str]
    split: str = "test"
    snapshot: str = ""
    toolset: str = ""


def install(app: FastAPI, store: Store) -> None:
    """Add the routes and the way errors are answered."""
    app.include_router(_scenario_routes(store), prefix="/api")
    app.include_router(tool_routes(store), prefix="/api")
    app.include_router(_workspace_routes(store), prefix="/api")
    app.include_router(_run_routes(store), prefix="/api")
    app.include_router(run_routes(store), prefix="/api")
    app.include_router(curation.routes(store), prefix="/api")
    app.include_router(_generate_routes(store), prefix="/api/generate")
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


def _workspace_routes(store: Store) -> APIRouter:
    """What there is, and files in and out."""
    router, verbs = APIRouter(), Verbs(store)

    @router.get("/status")
    def status() -> Json:
        return verbs.status()

    @router.post("/import")
    async def import_file(
        request: Request, name: str = "upload", toolset: str = "", status: str = "", dry_run: bool = False
    ) -> Json:
        async with received(request, name) as path:
            return await run_in_threadpool(verbs.import_file, path, toolset, status, dry_run, name)

    @router.get("/export")
    def export(filter: Annotated[ScenarioFilter, Depends()], format: str = "jsonl") -> Response:
        return _download(verbs.export(asdict(filter), format), "scenarios", format)

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
        return _download(verbs.generate_lines(order), "drafts", "jsonl")

    @router.get("/vectors")
    def vectors(tool: Annotated[list[str] | None, Query()] = None, toolset: str = "") -> Response:
        headers = {"Content-Disposition": 'attachment; filename="test_vectors.json"'}
        return StreamingResponse(
            _blocks(verbs.vectors(toolset, tool or ())), headers=headers, media_type="application/json"
        )

    @router.post("/teacher")
    def teach(order: Annotated[dict[str, Any], Body()], resume: str = "") -> Json:
        return verbs.teach(order, resume, "api")

    @router.get("/teacher/{run_id}")
    def report(run_id: str) -> Json:
        return verbs.teacher_report(run_id)

    return router


def _run_routes(store: Store) -> APIRouter:
    """Training, evaluating, comparing."""
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

    @router.post("/evaluate")
    def evaluate(body: EvaluateRequest) -> Json:
        return verbs.evaluate(**body.model_dump())

    @router.get("/compare")
    def compare(run: Annotated[list[str], Query()], differing: bool = False, format: str = "json") -> Response:
        if format == "json":
            return JSONResponse(verbs.compare(run, differing))
        return _download(verbs.export_comparison(run, format, differing), "comparison", format)

    return router


def _download(lines: Iterator[str], name: str, format: str) -> Response:
    """The lines as a file to save. They are made while they are sent."""
    suffix = "csv" if format == "csv" else "jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{suffix}"', "X-Content-Type-Options": "nosniff"}
    media_type = MEDIA_TYPES.get(format, "application/x-ndjson")
    return StreamingResponse(_blocks(lines), headers=headers, media_type=media_type)


def _blocks(lines: Iterable[str], size: int = 1 << 16) -> Iterator[bytes]:
    """The lines in pieces of about ``size`` characters: one piece a line would cost a thread switch each."""
    held: list[str] = []
    length = 0
    for line in lines:
        held.append(line)
        length += len(line)
        if length >= size:
            yield "".join(held).encode("utf-8")
            held, length = [], 0
    yield "".join(held).encode("utf-8")


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
