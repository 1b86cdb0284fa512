"""Routes of artefacts: start an export, read its verdict, fetch its files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.background import BackgroundTask

from workbench.actions import exports
from workbench.actions.artefact_verbs import ArtefactVerbs, Json
from workbench.store.database import Store


class ExportRequest(BaseModel):
    """Body of ``POST /api/artefacts``; ``settings`` are those of ``ExportSettings``."""

    model: str
    settings: dict[str, Any] = {}


def artefact_routes(store: Store) -> APIRouter:
    """What is under ``/artefacts``."""
    router, verbs = APIRouter(prefix="/artefacts"), ArtefactVerbs(store)

    @router.get("")
    def artefacts(model: str = "") -> Json:
        return verbs.list(model)

    @router.post("")
    def start(body: ExportRequest) -> Json:
        return verbs.start(**body.model_dump())

    @router.get("/{run_id}")
    def artefact(run_id: str) -> Json:
        return verbs.show(run_id)

    @router.get("/{run_id}/zip")
    def download(run_id: str) -> FileResponse:
        folder = Path(tempfile.mkdtemp(prefix="workbench-"))
        away = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        try:
            path = exports.pack(store, run_id, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return FileResponse(path, filename=path.name, media_type="application/zip", background=away)

    return router
