"""Routes of what is served: look, choose a model, take the one that is proposed."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from workbench.actions.served_verbs import Json, ServedVerbs
from workbench.store.database import Store

AUTHOR = "api"


class ServeRequest(BaseModel):
    """Body of ``PUT /api/served``."""

    model: str
    toolset: str = ""
    reason: str = ""


class SwapRequest(BaseModel):
    """Body of ``POST /api/served/swap``."""

    toolset: str = ""


def served_routes(store: Store) -> APIRouter:
    """What is under ``/served``."""
    router, verbs = APIRouter(prefix="/served"), ServedVerbs(store)

    @router.get("")
    def show(toolset: str = "") -> Json:
        return verbs.show(toolset)

    @router.put("")
    def serve(body: ServeRequest) -> Json:
        return verbs.serve(**body.model_dump(), author=AUTHOR)

    @router.post("/swap")
    def swap(body: SwapRequest) -> Json:
        return verbs.swap(**body.model_dump(), author=AUTHOR)

    return router
