"""The API on a small workspace, with workers that learn nothing but are real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.small_workspace import open_small
from workbench.actions import runs
from workbench.api import Guard, Policy, install
from workbench.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_small(tmp_path) as opened:
        yield opened


@pytest.fixture
def client(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    for kind in ("train", "evaluate"):
        monkeypatch.setitem(runs.WORKERS, kind, "tests.stub_worker")
    app = FastAPI()
    install(app, store)
    app.add_middleware(Guard, policy=Policy())
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client
