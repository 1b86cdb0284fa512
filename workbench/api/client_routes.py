"""Routes for programs on people's computers: a suggestion with what it takes to act on it, and the app's settings."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from workbench.actions.config import Loaded
from workbench.actions.machine import Machine, detect
from workbench.actions.serving import Serving
from workbench.actions.suggest import suggest

Json = dict[str, Any]


class SuggestRequest(BaseModel):
    """Body of ``POST /api/suggest``.

    ``machine`` holds ``os``, ``shell``, ``system``, ``like`` and ``installed`` (names of programs; null where nobody
    looked). Without it the computer that the app runs on is meant.
    """

    request: str
    machine: dict[str, Any] | None = None
    model: str = ""
    toolset: str = ""


def client_routes(serving: Serving, loaded: Loaded | None = None) -> APIRouter:
    """The routes on one ``Serving``."""
    router = APIRouter()

    @router.post("/suggest")
    async def ask(body: SuggestRequest) -> Json:
        machine = detect() if body.machine is None else Machine.from_dict(body.machine)
        return (await suggest(serving, body.request, machine, body.model, body.toolset)).to_dict()

    if loaded:

        @router.get("/config")
        def settings() -> Json:
            return loaded.to_dict()

    return router
