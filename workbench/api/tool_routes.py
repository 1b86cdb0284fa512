"""Routes of toolsets: versions, drafts, and where tools come from. A command is never started for a request.

The tools of an MCP server that must be started come from the command line, which sends them here as rows.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from workbench.actions import curate
from workbench.actions.tool_verbs import Json, ToolVerbs
from workbench.api.uploads import received
from workbench.store.database import Store


class McpRequest(BaseModel):
    """Body of ``POST /api/tools/mcp``."""

    url: str
    into: str = ""
    how: str = "replace"


class RowsRequest(BaseModel):
    """Body of ``POST /api/tools/rows``: tools as an MCP server lists them."""

    rows: list[dict[str, Any]]
    into: str
    source: str
    how: str = "replace"


def tool_routes(store: Store) -> APIRouter:
    """What is under ``/toolsets`` and ``/tools``."""
    router, verbs = APIRouter(), ToolVerbs(store, "api")
    _reading_routes(router, verbs, store)
    _changing_routes(router, verbs)
    _source_routes(router, verbs)
    return router


def _reading_routes(router: APIRouter, verbs: ToolVerbs, store: Store) -> None:
    @router.get("/toolsets")
    def toolsets() -> Json:
        return verbs.list()

    @router.get("/toolsets/{name}")
    def toolset(name: str) -> Json:
        return curate.toolset(store, name).to_dict()

    @router.get("/toolsets/{name}/show")
    def show(name: str, version: int = 0) -> Json:
        return verbs.show(name, version)

    @router.get("/toolsets/{name}/versions")
    def history(name: str) -> Json:
        return verbs.history(name)

    @router.get("/toolsets/{name}/diff")
    def diff(name: str, old: int, new: int = 0) -> Json:
        return verbs.diff(name, old, new)

    @router.get("/toolsets/{name}/text")
    def text(name: str, form: str = "openai", version: int = 0) -> Json:
        return {"text": verbs.export(name, form, version)}

    @router.get("/toolsets/{name}/export")
    def export(name: str, form: str = "openai", version: int = 0) -> Response:
        headers = {"Content-Disposition": 'attachment; filename="tools.json"', "X-Content-Type-Options": "nosniff"}
        return Response(verbs.export(name, form, version), headers=headers, media_type="application/json")


def _changing_routes(router: APIRouter, verbs: ToolVerbs) -> None:
    @router.post("/toolsets/{name}/check")
    def check(name: str, set_draft: bool = False) -> Json:
        return verbs.check(name, set_draft)

    @router.post("/toolsets/{name}/rename")
    def rename(name: str, old: str, new: str, calls: bool = True, broken: str = "") -> Json:
        return verbs.rename(name, old, new, calls, broken)

    @router.post("/toolsets/{name}/restore")
    def restore(name: str, version: int, broken: str = "") -> Json:
        return verbs.restore(name, version, broken)

    @router.delete("/toolsets/{name}")
    def delete(name: str) -> Json:
        return verbs.delete(name)

    @router.post("/tools/preview")
    def preview(draft: Annotated[Any, Body()]) -> Json:
        return verbs.preview(draft)

    @router.post("/tools/save")
    def save(draft: Annotated[Any, Body()]) -> Json:
        return verbs.save(draft)


def _source_routes(router: APIRouter, verbs: ToolVerbs) -> None:
    @router.post("/tools/file")
    async def read_file(request: Request, name: str = "upload", into: str = "", how: str = "replace") -> Json:
        async with received(request, name) as path:
            return await run_in_threadpool(verbs.read_file, path, into, how, name)

    @router.post("/tools/mcp")
    def read_mcp(body: McpRequest) -> Json:
        return verbs.read_mcp(**body.model_dump())

    @router.post("/tools/rows")
    def read_rows(body: RowsRequest) -> Json:
        return verbs.read_rows(**body.model_dump())
