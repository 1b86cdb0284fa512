"""The command line's verbs on runs, and the same through the HTTP API, with workers that learn nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.small_workspace import open_small
from workbench import cli
from workbench.actions import runs
from workbench.api import Guard, Policy, install


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("train", "evaluate"):
        monkeypatch.setitem(runs.WORKERS, kind, "tests.stub_worker")
    monkeypatch.setattr(cli.output, "POLL_SECONDS", 0.05)


@pytest.fixture
def run(tmp_path: Path, stubs: None, capsys: pytest.CaptureFixture[str]):
    open_small(tmp_path).close()

    def run(*arguments: object, status: int = 0):
        assert cli.main([*map(str, arguments), "--workspace", str(tmp_path), "--json"]) == status
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def client(tmp_path: Path, stubs: None) -> Iterator[TestClient]:
    with open_small(tmp_path) as store:
        app = FastAPI()
        install(app, store)
        app.add_middleware(Guard, policy=Policy())
        with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
            yield client


def test_the_life_of_a_run(run, tmp_path):
    one = run("train", "--epochs", 2, "--name", "one")
    other = run("train", "--like", one["id"], "--rank", 4)
    assert other["settings"]["epochs"] == 2 and other["toolset"] == "small"
    found = run("runs", one["id"], other["id"], "--diff")
    assert {"name": "rank", "values": [16, 4]} in found["differences"]
    assert run("runs", other["id"], "--rename", "two", "--tags", "a", "b")["tags"] == ["a", "b"]
    assert [r["name"] for r in run("runs", "--tag", "a")["runs"]] == ["two"]
    run("runs", one["id"], other["id"], "--curves", tmp_path / "curves.csv")
    assert len((tmp_path / "curves.csv").read_text().splitlines()) == 7
    assert "complete" in run("runs", one["id"], "--resume", status=1)["error"]["message"]
    assert run("runs", one["id"], "--delete")["deleted"] == [one["id"]]
    assert [r["id"] for r in run("runs", "--trash")["runs"]] == [one["id"]]
    run("runs", one["id"], "--restore")
    assert len(run("runs")["runs"]) == 2 and run("runs", "--empty-trash")["gone"] == []


def test_auto_train_once_and_by_the_timer(run):
    found = run("train", "--auto", "--min-new", 12, "--epochs", 2)
    assert found["run"]["state"] == "done" and [one["state"] for one in found["evaluations"]] == ["done", "done"]
    assert found["proposal"]["state"] == "ready" and found["proposal"]["model"] == f"run:{found['run']['id']}"
    assert run("served")["model"] == "starter"
    assert run("served", "--swap")["model"] == f"run:{found['run']['id']}" and run("served")["proposal"] is None
    again = run("served", "--model", "starter", "--reason", "it was slow")
    assert again["reason"] == "it was slow" and len(again["history"]) == 2
    assert "No model is proposed" in run("served", "--swap", status=1)["error"]["message"]
    assert run("train", "--auto", "--min-new", 1)["run"] is None
    assert run("train", "--timer", "on", "--min-new", 7) | {"active": True, "min_new": 7, "new": 0} == run(
        "train", "--timer", "on"
    )
    assert run("train", "--timer", "off", "--swap", "not_worse") | {"active": False, "swap": "not_worse"} == run(
        "train", "--timer", "off"
    )
    assert run("served")["rule"] == "not_worse"


def test_the_api(client):
    start = lambda **body: client.post("/api/runs", json={"settings": {"epochs": 1000}, **body}).json()  # noqa: E731
    running, a, b = start(), start(name="a"), start(name="b")
    moved = client.post(f"/api/runs/{b['id']}/move", params={"where": "first"}).json()
    assert [one["name"] for one in moved["queue"]] == ["b", "a"]
    for one in (a, b, running):
        client.post(f"/api/runs/{one['id']}/cancel")
    while client.get(f"/api/runs/{running['id']}").json()["state"] != "stopped":
        pass
    assert client.post(f"/api/runs/{a['id']}/resume").json()["state"] == "running"
    assert client.get(f"/api/runs/{a['id']}/diff/{b['id']}").json()["differences"] == []
    edited = client.patch(f"/api/runs/{a['id']}", json={"tags": ["x"]}).json()
    assert edited["tags"] == ["x"] and edited["name"] == "a"
    assert "still running" in client.delete("/api/runs", params={"run": a["id"]}).json()["error"]["message"]
    assert client.delete("/api/runs", params={"run": b["id"]}).json()["deleted"] == [b["id"]]
    assert client.get("/api/runs", params={"deleted": True}).json()["runs"][0]["id"] == b["id"]
    assert client.post("/api/trash/restore", params={"run": b["id"]}).json()["restored"] == [b["id"]]
    assert client.get("/api/curves", params={"run": running["id"]}).text.startswith("run,name,step")
    assert client.get("/api/served").json()["model"] == "starter"
    chosen = client.put("/api/served", json={"model": "starter", "reason": "calm"}).json()
    assert chosen["proposal"] is None and chosen["history"] == []
    assert "No model is proposed" in client.post("/api/served/swap", json={}).json()["error"]["message"]
    rule = {"active": True, "min_new": 3}
    assert client.put("/api/auto-train", json=rule).json()["active"]
    assert client.get("/api/auto-train").json()["min_new"] == 3
    assert client.post("/api/auto-train", json={"min_new": 5}).json()["run"] is None
    assert client.delete("/api/trash").json() == {"gone": []}
    client.post(f"/api/runs/{a['id']}/cancel")
