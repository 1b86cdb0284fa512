"""Endpoints over HTTP: saved, listed, evaluated and forgotten; their keys never leave the environment."""

import time

import pytest

from tests.chat_server import KEY, completion, send_json, serve
from workbench.actions import runs

BODY = {"base_url": "http://127.0.0.1:9/v1", "model": "tiny", "name": "lab/one", "key_env": "LAB_KEY", "price_in": 2.5}


def error_of(answer) -> dict:
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]


def test_one_is_saved_listed_changed_and_forgotten(client, monkeypatch):
    monkeypatch.setenv("LAB_KEY", KEY)
    assert client.get("/api/endpoints").json() == {"endpoints": []}
    saved = client.post("/api/endpoints", json=BODY).json()
    assert saved["id"] == "endpoint:lab/one" and {key: saved[key] for key in BODY} == BODY
    assert saved["concurrency"] >= 1 and saved["price_out"] == 0
    client.post("/api/endpoints", json={**BODY, "price_in": 3}).raise_for_status()
    listed = client.get("/api/endpoints")
    assert [one["price_in"] for one in listed.json()["endpoints"]] == [3] and KEY not in listed.text
    assert "endpoint:lab/one" in [model["id"] for model in client.get("/api/status").json()["models"]]
    client.delete("/api/endpoints/lab/one").raise_for_status()
    assert client.get("/api/endpoints").json() == {"endpoints": []}
    assert "no endpoint 'lab/one'" in error_of(client.delete("/api/endpoints/lab/one"))["message"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"base_url": "nowhere"}, "base_url"),
        ({"key_env": "sk-123 secret"}, "key_env"),
        ({"concurrency": 0}, "concurrency"),
        ({"price_out": -1}, "price_out"),
        ({"name": "a+b"}, "name"),
    ],
)
def test_what_cannot_work_is_told_at_its_field(client, change, field):
    error = error_of(client.post("/api/endpoints", json={**BODY, **change}))
    assert [problem["field"] for problem in error["problems"]] == [field] and error["hint"]
    assert client.get("/api/endpoints").json() == {"endpoints": []}


@pytest.mark.parametrize("body", [[], {"key": "sk-1", **BODY}, {**BODY, "price_in": "cheap"}, {**BODY, "base_url": 5}])
def test_another_form_is_refused(client, body):
    assert error_of(client.post("/api/endpoints", json=body))["message"]


def test_the_only_model_is_asked_for(client):
    names = ["tiny"]

    def models(handler, body):
        send_json(handler, {"object": "list", "data": [{"id": name} for name in names]})

    with serve(models) as server:
        assert client.post("/api/endpoints", json={"base_url": server.base_url}).json()["model"] == "tiny"
        names.append("large")
        assert (
            "has 2 models: tiny, large"
            in error_of(client.post("/api/endpoints", json={"base_url": server.base_url}))["message"]
        )


def test_one_is_evaluated_and_its_failures_are_counted(client, monkeypatch):
    monkeypatch.setitem(runs.WORKERS, "evaluate", "workbench.evaluation.worker")
    monkeypatch.setenv("LAB_KEY", "sk-wrong")

    def picky(handler, body):
        if handler.headers["Authorization"] != f"Bearer {KEY}":
            return send_json(handler, {"error": {"message": "bad key"}}, 401)
        return send_json(handler, completion("NO_TOOL"))

    with serve(picky) as server:
        saved = client.post("/api/endpoints", json={**BODY, "base_url": server.base_url, "concurrency": 1}).json()
        (run,) = client.post("/api/evaluate", json={"models": [saved["id"]]}).json()["runs"]
        for _ in range(600):
            run = client.get(f"/api/runs/{run['id']}").json()
            if run["state"] in ("done", "stopped", "failed"):
                break
            time.sleep(0.1)
    assert run["state"] == "failed" and "refused" in run["message"]
    assert len(server.requests) == 3 and "sk-wrong" not in str(run)
