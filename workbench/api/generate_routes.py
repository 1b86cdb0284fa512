"""Routes of generating drafts. Each turns a request into one verb."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from fastapi.responses import Response, StreamingResponse

from workbench.actions.verbs import Json, Verbs
from workbench.api.downloads import blocks, download, encoded
from workbench.store.database import Store


def generate_routes(store: Store) -> APIRouter:
    """Drafts by rule or from a teacher; a body is an order, see ``actions.orders.Order``."""
    router, verbs = APIRouter(), Verbs(store)

    @router.post("")
    def generate(order: Annotated[dict[str, Any], Body()], dry_run: bool = False) -> Json:
        return verbs.generate(order, dry_run, "api")

    @router.post("/lines")
    def lines(order: Annotated[dict[str, Any], Body()]) -> Response:
        return download(encoded(verbs.generate_lines(order)), "drafts", "jsonl")

    @router.get("/vectors")
    def vectors(tool: Annotated[list[str] | None, Query()] = None, toolset: str = "") -> Response:
        headers = {"Content-Disposition": 'attachment; filename="test_vectors.json"'}
        pieces = blocks(encoded(verbs.vectors(toolset, tool or ())))
        return StreamingResponse(pieces, headers=headers, media_type="application/json")

    @router.post("/teacher")
    def teach(order: Annotated[dict[str, Any], Body()], resume: str = "") -> Json:
        return verbs.teach(order, resume, "api")

    @router.get("/teacher/{run_id}")
    def report(run_id: str) -> Json:
        return verbs.teacher_report(run_id)

    return router
