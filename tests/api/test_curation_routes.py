"""Curation over HTTP: what the browser can do, a program can do."""

from tests.small_workspace import make_scenario


def error_of(answer) -> str:
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]["message"]


def test_history_undo_and_redo(client):
    client.post("/api/scenarios", json=make_scenario(0, request="other").to_dict()).raise_for_status()
    found = client.get("/api/changes").json()
    assert [one["kind"] for one in found["changes"]] == ["edit", "import"]
    assert (found["next_undo"], found["next_redo"], found["changes"][0]["author"]) == (2, 0, "api")
    assert client.get("/api/changes/2").json()["did"][0]["fields"][0]["field"] == "request"
    assert "changed again later" in error_of(client.post("/api/undo", params={"change": 1}))
    assert client.post("/api/undo").json() == {"undone": 2}
    assert client.get("/api/changes").json()["next_redo"] == 2
    assert client.post("/api/redo").json() == {"redone": 2}
    assert "nothing to redo" in error_of(client.post("/api/redo"))
    assert len(client.get("/api/scenarios/s0/history").json()["revisions"]) == 4
    assert "never was" in error_of(client.get("/api/scenarios/none/history"))


def test_bulk_edits(client):
    body = {"edit": {"add_tags": ["x"]}, "filter": {"os": "linux"}}
    assert client.post("/api/bulk", json=body).json()["changed"] == 6
    assert client.get("/api/scenarios", params={"tag": "x"}).json()["total"] == 6
    assert client.get("/api/scenarios", params={"tag": "-"}).json()["total"] == 6
    assert "ids, or a filter" in error_of(client.post("/api/bulk", json={"edit": {"os": "bsd"}}))
    assert "not a filter" in error_of(client.post("/api/bulk", json={"edit": {"os": "bsd"}, "filter": {"x": "y"}}))


def test_targets_and_check(client):
    assert client.get("/api/check").json()["ok"] is True
    answer = client.put("/api/targets", json={"preset": "caro", "lines": ["each mode >= 1"]}).json()
    assert len(answer["targets"]) == 5 and client.get("/api/targets").json() == answer
    found = client.get("/api/check").json()
    assert not found["ok"] and {one["gate"] for one in found["violations"]} == {"targets"}
    assert client.get("/api/check", params={"target": ["total >= 12"]}).json()["ok"] is True
    assert "not a target" in error_of(client.put("/api/targets", json={"lines": ["more"]}))
    cases = client.get("/api/coverage/arguments").json()["cases"]
    assert {"tool": "ping", "argument": "count", "case": "minimum 1", "n": 0, "value": 1} in cases
    found = client.get("/api/coverage").json()
    assert found["by_tool_shell"]["ping"] == {"": 4} and found["by_tool_category"]["ping"] == {"": 4}


def test_review(client):
    client.post("/api/scenarios", json=make_scenario(30, status="draft").to_dict()).raise_for_status()
    assert client.put("/api/review", json={"reviewers": 2}).json() == {"toolset": "small", "reviewers": 2}
    assert [one["id"] for one in client.get("/api/review").json()["scenarios"]] == ["s30"]
    for reviewer, status in (("ann", "draft"), ("bob", "approved")):
        body = {"id": "s30", "verdict": "approve", "reviewer": reviewer}
        assert client.post("/api/review", json=body).json()["status"] == status
    found = client.get("/api/review/agreement").json()
    assert found["pairs"] == [{"reviewers": ["ann", "bob"], "n": 1, "agreed": 1, "kappa": None}]
    assert found["disagreements"] == []


def test_snapshots(client):
    assert client.get("/api/snapshots").json() == {"snapshots": []}
    assert "no snapshot" in error_of(client.get("/api/snapshots/compare", params={"before": "a", "after": "b"}))
