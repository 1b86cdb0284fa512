import json

import pytest
from starlette.testclient import TestClient

from tests.small_workspace import TOOLSET, make_scenario
from tests.waiting import wait_for


def error_of(answer) -> dict:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["type"] == "workbench_error"
    return error


def finish(client: TestClient, run_id: str) -> dict:
    def look() -> dict | None:
        run = client.get(f"/api/runs/{run_id}").json()
        return run if run["state"] in ("done", "stopped", "failed") else None

    return wait_for(look)


def test_status(client):
    found = client.get("/api/status").json()
    assert found["scenarios"] == {"total": 12, "draft": 0, "approved": 12}
    assert found["toolsets"] == [{"name": "small", "tools": 2, "scenarios": 12}]
    assert found["models"][0]["id"] == "starter" and found["runs"]["unfinished"] == []


def test_find_save_get_delete_undo(client):
    found = client.get("/api/scenarios", params={"tool": "ping", "split": "test", "limit": 1}).json()
    assert (found["total"], len(found["scenarios"])) == (1, 1)
    data = make_scenario(1, request="new").to_dict()
    del data["id"]
    saved = client.post("/api/scenarios", json=data).json()
    assert client.get(f"/api/scenarios/{saved['id']}").json()["request"] == "new"
    client.delete(f"/api/scenarios/{saved['id']}").raise_for_status()
    assert "no scenario" in error_of(client.get(f"/api/scenarios/{saved['id']}"))["message"]
    client.post("/api/undo").raise_for_status()
    assert client.get(f"/api/scenarios/{saved['id']}").status_code == 200


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "must be a JSON object"),
        ({"request": "x"}, "expected: is missing"),
        ({"toolset": "small", "request": "x", "expected": "NO_TOOL", "colour": 1}, "colour: is not a known field"),
        ({"toolset": "none", "request": "x", "expected": "NO_TOOL"}, "no toolset 'none'"),
    ],
)
def test_a_broken_scenario_is_refused(client, data, message):
    assert message in error_of(client.post("/api/scenarios", json=data))["message"]


def test_problems_name_their_fields(client):
    data = make_scenario(0).to_dict()
    data["expected"][0]["arguments"] = {}
    assert error_of(client.post("/api/scenarios", json=data))["problems"][0]["field"] == "expected[0].arguments.host"


def test_parameters_of_the_wrong_kind_are_told_in_the_same_form(client):
    assert "limit" in error_of(client.get("/api/scenarios", params={"limit": "many"}))["message"]
    broken = client.post("/api/scenarios", content=b"{", headers={"content-type": "application/json"})
    assert "JSON" in error_of(broken)["message"]
    assert "at most 1000" in error_of(client.get("/api/scenarios", params={"limit": 5000}))["hint"]


def test_import_and_export(client):
    exported = client.get("/api/export", params={"format": "csv", "os": "macos"})
    assert exported.headers["content-disposition"] == 'attachment; filename="scenarios.csv"'
    content = exported.content.replace(b"s1,", b"n1,")
    dry = client.post("/api/import", params={"name": "../../x.csv", "dry_run": True}, content=content).json()
    assert (dry["file"], dry["format"], dry["good"], dry["bad"]) == ("../../x.csv", "csv", 6, 0)
    assert client.get("/api/scenarios/n1").status_code == 400
    client.post("/api/import", params={"name": "x.csv", "status": "draft"}, content=content).raise_for_status()
    assert client.get("/api/scenarios/n1").json()["status"] == "draft"
    assert "in no format" in error_of(client.post("/api/import", params={"name": "x"}, content=b"hello"))["message"]
    assert "export format" in error_of(client.get("/api/export", params={"format": "exe"}))["message"]


def test_tools_in_and_out(client):
    tools = json.dumps([tool.to_dict() for tool in TOOLSET.tools]).encode()
    report = client.post("/api/import", params={"name": "lamps.json"}, content=tools).json()
    assert (report["kind"], report["toolset"]) == ("tools", "lamps")
    assert len(client.get("/api/toolsets/lamps").json()["tools"]) == 2


def test_coverage(client):
    assert client.get("/api/coverage", params={"toolset": "small"}).json()["by_tool_os"]["ping"]["linux"] == 2


def test_train_evaluate_compare(client):
    started = client.post("/api/runs", json={"settings": {"epochs": 2}, "name": "mine"}).json()
    assert started["settings"]["epochs"] == 2 and started["settings"]["learning_rate"] > 1e-3
    run = finish(client, started["id"])
    assert run["state"] == "done" and run["progress"]["fraction"] == 1.0 and run["toolset"] == "small"
    assert len(client.get(f"/api/runs/{run['id']}/metrics", params={"after": 1}).json()["rows"]) == 2
    assert client.get(f"/api/runs/{run['id']}/log").json() == {"log": ""}
    body = {"models": ["starter", f"run:{run['id']}"]}
    ids = [one["id"] for one in client.post("/api/evaluate", json=body).json()["runs"]]
    assert [finish(client, one)["state"] for one in ids] == ["done", "done"]
    found = client.get("/api/compare", params={"run": ids}).json()
    assert [model["headline"]["exact_calls"]["value"] for model in found["models"]] == [0.5, 1.0]
    table = client.get("/api/compare", params={"run": ids, "format": "csv", "differing": True})
    assert len(table.text.splitlines()) == 3
    page = {"run": ids, "bucket": "fixed", "limit": 1}
    told = client.get("/api/compare", params=page).json()
    assert (told["rows_total"], len(told["rows"])) == (2, 1)
    assert told["rows"][0]["answers"][ids[0]]["reason"] == "=stub"
    assert client.get("/api/compare", params={"run": ids, "bucket": "odd"}).status_code == 400
    gate = client.get("/api/compare/gate", params={"run": ids[::-1], "margin": 10}).json()
    assert gate["worse"] and gate["rule"] == "margin"
    report = client.get("/api/compare", params={"run": ids, "format": "html"})
    assert (
        report.headers["content-type"].startswith("text/html") and "attachment" in report.headers["content-disposition"]
    )
    metrics = client.get("/api/compare", params={"run": ids, "format": "metrics"})
    assert metrics.json()["total"] == 4 and metrics.headers["content-disposition"].endswith('comparison.json"')
    doubted = client.get("/api/compare", params={"run": ids, "threshold": 51}).json()
    assert doubted["models"][1]["headline"]["exact_calls"]["value"] == 0.5
    board = client.get("/api/leaderboard", params={"snapshot": found["snapshot"]}).json()["entries"]
    assert [entry["run"] for entry in board] == ids[::-1]
    again = client.post(f"/api/runs/{ids[0]}/rerun", json={"scenario": "s9"}).json()
    assert finish(client, again["id"])["state"] == "done"
    replies = client.get(f"/api/runs/{again['id']}/replies").json()["replies"]
    assert [one["reply"]["scenario_id"] for one in replies] == ["s9"]
    assert "at least two" in error_of(client.get("/api/compare", params={"run": ids[:1]}))["message"]
    assert len(client.get("/api/runs", params={"kind": "evaluate"}).json()["runs"]) == 3


def test_cancel(client):
    started = client.post("/api/runs", json={"settings": {"epochs": 900}}).json()
    assert client.post(f"/api/runs/{started['id']}/cancel").json()["state"] == "stopping"
    assert finish(client, started["id"])["state"] == "stopped"


def test_errors_of_runs(client):
    assert "learning rate" in error_of(client.post("/api/runs", json={"settings": {"learning_rate": 2}}))["message"]
    assert "not a training setting" in error_of(client.post("/api/runs", json={"settings": {"x": 2}}))["message"]
    assert "no split" in error_of(client.post("/api/evaluate", json={"models": ["starter"], "split": "all"}))["message"]
    assert "no run" in error_of(client.get("/api/runs/none"))["message"]


def test_the_guard_is_in_front(client):
    assert client.get("/api/status", headers={"host": "evil.example"}).status_code == 403
    answer = client.post("/api/undo", headers={"origin": "http://evil.example"})
    assert answer.status_code == 403 and answer.json()["error"]["hint"]
