"""Routes of scenarios, and of what is alike among them. Each turns a request into one verb."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel

from workbench.actions import curate
from workbench.actions.verbs import Json, Verbs
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter


class SettleRequest(BaseModel):
    """Body of ``POST /api/duplicates``; ``action`` is keep, merge, variants or unmark."""

    action: str
    ids: list[str]
    keep: str = ""


class MeaningRequest(BaseModel):
    """Body of ``POST /api/meaning``; ``encoder`` is a folder or a hub id."""

    encoder: str
    toolset: str = ""


def scenario_routes(store: Store) -> APIRouter:
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


def duplicate_routes(store: Store) -> APIRouter:
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
