"""``train --preflight`` on the command line, through the store and through the HTTP API."""

import json
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.small_models import make_gemma
from tests.small_workspace import open_small
from workbench.api import routes
from workbench.cli import main


def test_the_command_line_and_the_api_give_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = str(make_gemma(tmp_path / "base", window=64))
    open_small(tmp_path / "ws").close()
    given = ["--toolset", "small", "--base", base, "--epochs", "1", "--threads", "1", "--preset", "quick"]
    assert main(["train", "--preflight", "--workspace", str(tmp_path / "ws"), "--json", *given]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["state"] == "done" and found["summary"]["seconds"] > 0 and found["blocked"] == []
    with open_small(tmp_path / "ws") as store:
        app = FastAPI()
        routes.install(app, store)
        client = TestClient(app)
        body = {"toolset": "small", "base": base, "settings": {"epochs": 1, "threads": 1}, "preset": "quick"}
        assert client.post("/api/preflight", json=body).json() == found
        assert client.get(f"/api/preflight/{found['key']}").json() == found
        rows = client.get(f"/api/preflight/{found['key']}/scenarios", params={"limit": 3}).json()["scenarios"]
        assert len(rows) == 3 and all(row["trained"] for row in rows)
        assert client.get("/api/preflight/nothing").status_code == 400
