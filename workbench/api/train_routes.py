"""Routes of training, of every run, and of the pre-flight. Each turns a request into one verb."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from workbench.actions.verbs import Json, Verbs
from workbench.store.database import Store


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


class PreflightRequest(BaseModel):
    """Body of ``POST /api/preflight``: as that of a training run."""

    toolset: str = ""
    base: str = ""
    settings: dict[str, Any] = {}
    preset: str = ""
    like: str = ""


def training_routes(store: Store) -> APIRouter:
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


def preflight_routes(store: Store) -> APIRouter:
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
