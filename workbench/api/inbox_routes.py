"""Routes of the inbox and of what is recorded. Each turns a request into one verb."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from workbench.actions.inbox import Filter
from workbench.actions.inbox_verbs import InboxVerbs, Json
from workbench.api.uploads import received
from workbench.store.database import Store

AUTHOR = "api"


class AcceptRequest(BaseModel):
    """Body of ``POST /api/inbox/{id}/accept``."""

    near_held_out: bool = False


class CorrectRequest(AcceptRequest):
    """Body of ``POST /api/inbox/{id}/correct``; ``expected`` as in a scenario."""

    expected: Any


class CaptureRequest(BaseModel):
    """Body of ``PUT /api/capture``; what is left out stays as it is."""

    active: bool | None = None
    share: float | None = None
    keep_days: int | None = None


def inbox_routes(store: Store) -> APIRouter:
    """What is under ``/inbox``, and ``/capture``."""
    router, verbs = APIRouter(), InboxVerbs(store)

    @router.get("/inbox")
    def entries(filter: Annotated[Filter, Depends()], offset: int = 0, limit: int = 50) -> Json:
        return verbs.list(vars(filter), offset, limit)

    @router.get("/inbox/export")
    def export(form: str, toolset: str = "") -> StreamingResponse:
        headers = {"Content-Disposition": f'attachment; filename="{form}.jsonl"'} if form.isidentifier() else {}
        return StreamingResponse(verbs.export(form, toolset), media_type="application/x-ndjson", headers=headers)

    @router.post("/inbox/import")
    async def bring(request: Request, name: str = "upload.jsonl", toolset: str = "") -> Json:
        async with received(request, name) as path:
            return await run_in_threadpool(verbs.bring, path, toolset, name)

    @router.get("/inbox/{completion}")
    def entry(completion: str) -> Json:
        return verbs.show(completion)

    @router.post("/inbox/{completion}/accept")
    def accept(completion: str, body: AcceptRequest | None = None) -> Json:
        return verbs.accept(completion, bool(body and body.near_held_out), AUTHOR)

    @router.post("/inbox/{completion}/correct")
    def correct(completion: str, body: CorrectRequest) -> Json:
        return verbs.correct(completion, body.expected, body.near_held_out, AUTHOR)

    @router.post("/inbox/{completion}/reject")
    def reject(completion: str) -> Json:
        return verbs.reject(completion, AUTHOR)

    @router.get("/capture")
    def capture() -> Json:
        return verbs.capture()

    @router.put("/capture")
    def set_capture(body: CaptureRequest) -> Json:
        return verbs.set_capture(body.active, body.share, body.keep_days, AUTHOR)

    return router
