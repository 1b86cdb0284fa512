"""Routes of the list and the queue of runs, and of auto-train. Each turns a request into one verb."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from workbench.actions.verbs import Json, Verbs
from workbench.store.database import Store

AUTHOR = "api"


class RunEdit(BaseModel):
    """Body of ``PATCH /api/runs/{run_id}``; what is left out stays as it is."""

    name: str | None = None
    tags: list[str] | None = None


class AutoTrainRequest(BaseModel):
    """Body of ``POST /api/auto-train``: train now, if enough is new."""

    toolset: str = ""
    min_new: int = 0
    base: str = ""
    settings: dict[str, Any] = {}


class AutoRuleRequest(AutoTrainRequest):
    """Body of ``PUT /api/auto-train``: whether the app looks by itself."""

    active: bool = False
    swap: str = ""


def run_routes(store: Store) -> APIRouter:
    """What is done with runs beside starting, following and cancelling them."""
    router = APIRouter()
    _add_single(router, Verbs(store))
    _add_list(router, Verbs(store))
    _add_auto(router, Verbs(store))
    return router


def _add_single(router: APIRouter, verbs: Verbs) -> None:
    @router.post("/runs/{run_id}/resume")
    def resume(run_id: str) -> Json:
        return verbs.resume(run_id)

    @router.post("/runs/{run_id}/move")
    def move(run_id: str, where: str) -> Json:
        return verbs.move_run(run_id, where)

    @router.patch("/runs/{run_id}")
    def edit(run_id: str, body: RunEdit) -> Json:
        return verbs.edit_run(run_id, body.name, body.tags)

    @router.get("/runs/{run_id}/diff/{other_id}")
    def diff(run_id: str, other_id: str) -> Json:
        return verbs.diff_runs(run_id, other_id)


def _add_list(router: APIRouter, verbs: Verbs) -> None:
    @router.get("/curves")
    def curves(run: Annotated[list[str], Query()]) -> Response:
        headers = {"Content-Disposition": 'attachment; filename="curves.csv"', "X-Content-Type-Options": "nosniff"}
        return PlainTextResponse("".join(verbs.curves(run)), headers=headers, media_type="text/csv; charset=utf-8")

    @router.delete("/runs")
    def delete(run: Annotated[list[str], Query()]) -> Json:
        return verbs.delete_runs(run)

    @router.post("/trash/restore")
    def restore(run: Annotated[list[str], Query()]) -> Json:
        return verbs.restore_runs(run)

    @router.delete("/trash")
    def empty(days: float = 0) -> Json:
        return verbs.empty_trash(days)


def _add_auto(router: APIRouter, verbs: Verbs) -> None:
    @router.get("/auto-train")
    def rule(toolset: str = "") -> Json:
        return verbs.auto_rule(toolset)

    @router.put("/auto-train")
    def set_rule(body: AutoRuleRequest) -> Json:
        return verbs.set_auto_rule(**body.model_dump(), author=AUTHOR)

    @router.post("/auto-train")
    def train(body: AutoTrainRequest) -> Json:
        return verbs.auto_train(**body.model_dump())
