"""Routes of evaluating, comparing, and the endpoints that can be compared. Each turns a request into one verb."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from workbench.actions.answers import MANY
from workbench.actions.verbs import Json, Verbs
from workbench.api.downloads import download, encoded
from workbench.store.answers import AnswerFilter
from workbench.store.database import Store

Runs = Annotated[list[str], Query()]
Filter = Annotated[AnswerFilter, Depends()]


class EvaluateRequest(BaseModel):
    """Body of ``POST /api/evaluate``."""

    models: list[str]
    split: str = ""
    snapshot: str = ""
    toolset: str = ""


class RerunRequest(BaseModel):
    """Body of ``POST /api/runs/{run_id}/rerun``: id of one scenario."""

    scenario: str


def evaluation_routes(store: Store) -> APIRouter:
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


def endpoint_routes(store: Store) -> APIRouter:
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


def comparison_routes(store: Store) -> APIRouter:
    """Evaluations side by side; filters are the fields of ``AnswerFilter``."""
    router, verbs = APIRouter(), Verbs(store)

    @router.get("/compare")
    def compare(
        run: Runs, filter: Filter, threshold: int = 0, offset: int = 0, limit: int = MANY, format: str = "json"
    ) -> Response:
        if format == "json":
            return JSONResponse(verbs.compare(run, asdict(filter), threshold, offset, limit))
        pieces = verbs.export_comparison(run, format, asdict(filter), threshold)
        return download(encoded(pieces), "comparison", format)

    @router.get("/compare/gate")
    def gate(run: Runs, margin: float | None = None, figure: str = "exact") -> Json:
        return verbs.gate(run, margin, figure)

    @router.get("/leaderboard")
    def leaderboard(snapshot: str, split: str = "test") -> Json:
        return verbs.leaderboard(snapshot, split)

    return router
