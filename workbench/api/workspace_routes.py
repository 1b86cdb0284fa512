"""Routes of what there is, and of files in and out. Each turns a request into one verb."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from workbench.actions.verbs import Json, Verbs
from workbench.api.downloads import download
from workbench.api.uploads import received
from workbench.errors import WorkbenchError
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter


def workspace_routes(store: Store) -> APIRouter:
    """What there is, and files in and out."""
    router, verbs = APIRouter(), Verbs(store)

    @router.get("/status")
    def status() -> Json:
        return verbs.status()

    @router.post("/import")
    async def import_file(
        request: Request,
        name: str = "upload",
        toolset: str = "",
        status: str = "",
        dry_run: bool = False,
        reading: str = "",
    ) -> Json:
        how = _json_object(reading, "reading")
        async with received(request, name) as path:
            return await run_in_threadpool(verbs.import_file, path, toolset, status, dry_run, name, how)

    @router.get("/export")
    def export(filter: Annotated[ScenarioFilter, Depends()], format: str = "jsonl", snapshot: str = "") -> Response:
        return download(verbs.export(asdict(filter), format, snapshot), "scenarios", format)

    @router.get("/coverage")
    def coverage(toolset: str = "") -> Json:
        return verbs.coverage(toolset)

    return router


def _json_object(text: str, name: str) -> Json:
    """The JSON object in a query's value; empty where there is none. Raises WorkbenchError."""
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise WorkbenchError(f"'{name}' must be a JSON object.", 'Write it like {"format": "csv"}.')
    return value
