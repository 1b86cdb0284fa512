"""The routes under ``/api``: what the browser can do, a program can do.

Errors that a person can put right are answered with 400 and
``{"error": {"message", "hint", "type": "workbench_error"}}``; anything else is a bug, answered with 500 and logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from workbench.actions import curate
from workbench.actions.config import Loaded
from workbench.actions.serving import Serving, SlowError
from workbench.actions.verbs import Json
from workbench.api import curation, openai_routes
from workbench.api.artefact_routes import artefact_routes
from workbench.api.client_routes import client_routes
from workbench.api.compare_routes import comparison_routes, endpoint_routes, evaluation_routes
from workbench.api.generate_routes import generate_routes
from workbench.api.inbox_routes import inbox_routes
from workbench.api.run_routes import run_routes
from workbench.api.scenario_routes import duplicate_routes, scenario_routes
from workbench.api.served_routes import served_routes
from workbench.api.tool_routes import tool_routes
from workbench.api.train_routes import preflight_routes, training_routes
from workbench.api.workspace_routes import workspace_routes
from workbench.errors import WorkbenchError
from workbench.serving.process import BusyError, GoneError
from workbench.store.database import Store


def install(app: FastAPI, store: Store, serving: Serving | None = None, loaded: Loaded | None = None) -> None:
    """Add the routes and the way errors are answered.

    Args:
        serving: where ``/v1`` is answered, too.
        loaded: the app's settings, where they are shown.
    """
    if serving:
        app.include_router(openai_routes.routes(serving))
        app.include_router(client_routes(serving, loaded), prefix="/api")
    app.include_router(scenario_routes(store), prefix="/api")
    app.include_router(tool_routes(store), prefix="/api")
    app.include_router(workspace_routes(store), prefix="/api")
    app.include_router(duplicate_routes(store), prefix="/api")
    app.include_router(training_routes(store), prefix="/api")
    app.include_router(evaluation_routes(store), prefix="/api")
    app.include_router(run_routes(store), prefix="/api")
    app.include_router(preflight_routes(store), prefix="/api")
    app.include_router(endpoint_routes(store), prefix="/api")
    app.include_router(artefact_routes(store), prefix="/api")
    app.include_router(inbox_routes(store), prefix="/api")
    app.include_router(served_routes(store), prefix="/api")
    app.include_router(curation.routes(store), prefix="/api")
    app.include_router(generate_routes(store), prefix="/api/generate")
    app.include_router(comparison_routes(store), prefix="/api")
    app.add_exception_handler(WorkbenchError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)


async def _answer_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, WorkbenchError)
    body: Json = {"message": error.message, "hint": error.hint, "type": "workbench_error"}
    if isinstance(error, curate.ProblemsError):
        body["problems"] = [problem.to_dict() for problem in error.problems]
    if isinstance(error, (BusyError, GoneError)):
        return JSONResponse({"error": body}, 429 if isinstance(error, BusyError) else 503, {"Retry-After": "1"})
    return JSONResponse({"error": body}, 408 if isinstance(error, SlowError) else 400)


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own complaints about parameters, in the same form as ours."""
    assert isinstance(error, RequestValidationError)
    found: Sequence[Any] = error.errors()
    message = "; ".join(f"{'.'.join(map(str, one['loc'][1:])) or 'body'}: {one['msg']}" for one in found)
    hint = "GET /api/openapi.json describes what each route takes."
    return JSONResponse({"error": {"message": message, "hint": hint, "type": "workbench_error"}}, 400)
