"""Routes of curation: history, undo, bulk edits, targets, review, checks. Each turns a request into one verb."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from workbench.actions.verbs import Json, Verbs
from workbench.store.database import Store

AUTHOR = "api"


class BulkRequest(BaseModel):
    """Body of ``POST /api/bulk``: ``edit`` as ``BulkEdit``, and either ids or a filter."""

    edit: dict[str, Any]
    ids: list[str] = []
    filter: dict[str, str] = {}


class TargetsRequest(BaseModel):
    """Body of ``PUT /api/targets``."""

    toolset: str = ""
    lines: list[str] = []
    preset: str = ""


class VerdictRequest(BaseModel):
    """Body of ``POST /api/review``; ``verdict`` is ``approve`` or ``reject``."""

    id: str
    verdict: str
    reviewer: str = ""


class ReviewersRequest(BaseModel):
    """Body of ``PUT /api/review``."""

    reviewers: int
    toolset: str = ""


def routes(store: Store) -> APIRouter:
    """All of them."""
    router = APIRouter()
    router.include_router(_history_routes(Verbs(store)))
    router.include_router(_quality_routes(Verbs(store)))
    return router


def _history_routes(verbs: Verbs) -> APIRouter:
    router = APIRouter()

    @router.get("/changes")
    def changes(limit: int = 50, before: int = 0) -> Json:
        return verbs.changes(limit, before)

    @router.get("/changes/{change_id}")
    def change(change_id: int) -> Json:
        return verbs.change(change_id)

    @router.post("/undo")
    def undo(change: int = 0, rest: bool = False) -> Json:
        return verbs.undo(change, rest, AUTHOR)

    @router.post("/redo")
    def redo(change: int = 0, rest: bool = False) -> Json:
        return verbs.redo(change, rest, AUTHOR)

    @router.get("/scenarios/{scenario_id}/history")
    def scenario_history(scenario_id: str) -> Json:
        return verbs.scenario_history(scenario_id)

    @router.get("/snapshots")
    def snapshots() -> Json:
        return verbs.snapshots()

    @router.get("/snapshots/compare")
    def compare_snapshots(before: str, after: str) -> Json:
        return verbs.compare_snapshots(before, after)

    @router.post("/bulk")
    def bulk(body: BulkRequest) -> Json:
        return verbs.bulk_edit(body.edit, body.ids, body.filter, AUTHOR)

    return router


def _quality_routes(verbs: Verbs) -> APIRouter:
    router = APIRouter()

    @router.get("/targets")
    def targets(toolset: str = "") -> Json:
        return verbs.targets(toolset)

    @router.put("/targets")
    def set_targets(body: TargetsRequest) -> Json:
        return verbs.set_targets(body.toolset, body.lines, body.preset, AUTHOR)

    @router.get("/coverage/arguments")
    def arguments(toolset: str = "") -> Json:
        return verbs.arguments(toolset)

    @router.get("/review")
    def review_queue(toolset: str = "", reviewer: str = "") -> Json:
        return verbs.review_queue(toolset, reviewer or AUTHOR)

    @router.post("/review")
    def judge(body: VerdictRequest) -> Json:
        return verbs.judge(body.id, body.verdict, body.reviewer or AUTHOR)

    @router.put("/review")
    def set_reviewers(body: ReviewersRequest) -> Json:
        return verbs.set_reviewers(body.reviewers, body.toolset, AUTHOR)

    @router.get("/review/agreement")
    def agreement(toolset: str = "") -> Json:
        return verbs.agreement(toolset)

    @router.get("/check")
    def check(toolset: str = "", preset: str = "", target: Annotated[list[str] | None, Query()] = None) -> Json:
        return verbs.check(toolset, target, preset)

    return router
