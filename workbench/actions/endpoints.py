"""Endpoints that people saved to evaluate what answers there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench.actions.curate import ProblemsError
from workbench.errors import WorkbenchError
from workbench.evaluation.job import Service
from workbench.inference.chat_client import ChatClient
from workbench.inference.endpoint import Endpoint
from workbench.store import endpoints as endpoint_store
from workbench.store.database import Store


def save(store: Store, data: Mapping[str, Any]) -> Service:
    """Save an endpoint from its JSON form; one of the same name is replaced.

    Without a model's name the endpoint is asked for the models it has, and must have one only.

    Raises:
        ProblemsError: fields that cannot work.
        WorkbenchError: a field is unknown or of the wrong type, or no model can be chosen.
    """
    given = {"base_url": "", "model": "", **data}
    if not str(given["model"]).strip():
        problems = [one for one in Service.from_dict({**given, "model": "?"}).check() if one.field != "name"]
        _refuse(problems)
        given["model"] = _only_model(Service.from_dict({**given, "model": "?"}).endpoint)
    service = Service.from_dict(given)
    _refuse(service.check())
    endpoint_store.put(store, service.name, service.to_dict())
    return service


def endpoints(store: Store) -> list[Service]:
    """All saved endpoints, by name."""
    return [Service.from_dict(body) for body in endpoint_store.listed(store)]


def find(store: Store, name: str) -> Service:
    """The saved endpoint of that name. Raises WorkbenchError when there is none."""
    for service in endpoints(store):
        if service.name == name:
            return service
    raise WorkbenchError(f"There is no endpoint '{name}'.", "Save it first, with its address and its model's name.")


def delete(store: Store, name: str) -> None:
    """Forget an endpoint; its evaluations stay. Raises WorkbenchError when there is none of that name."""
    find(store, name)
    endpoint_store.delete(store, name)


def _refuse(problems: list[Any]) -> None:
    if problems:
        first = problems[0]
        message = f"The endpoint cannot be saved: {first.field} {first.message}."
        raise ProblemsError(message, problems, first.hint)


def _only_model(endpoint: Endpoint) -> str:
    with ChatClient(replace(endpoint, timeout_s=min(endpoint.timeout_s, 10))) as client:
        names = client.model_names()
    if len(names) > 1:
        raise WorkbenchError(
            f"{endpoint.base_url} has {len(names)} models: {', '.join(names[:8])}.", "Name the one that you mean."
        )
    return names[0]
