"""Generating over HTTP: the same orders and the same errors as on the page."""

import json

ORDER = {"way": "schema", "toolset": "small", "tools": ["ping"], "count": 3}


def test_a_dry_run_then_drafts_then_undo(client):
    shown = client.post("/api/generate?dry_run=true", json=ORDER).json()
    assert shown["drafts"] == 3 and shown["change"] == 0
    added = client.post("/api/generate", json=ORDER).json()
    assert [one["id"] for one in added["examples"]] == [one["id"] for one in shown["examples"]] and added["change"]
    found = client.get("/api/scenarios", params={"status": "draft"}).json()
    assert found["total"] == 3 and found["scenarios"][0]["source"] == "generate:schema"
    assert client.post("/api/undo").json()["undone"] == added["change"]


def test_lines_and_vectors_are_files(client):
    lines = client.post("/api/generate/lines", json=ORDER).text.splitlines()
    assert len(lines) == 3 and json.loads(lines[0])["status"] == "draft"
    vectors = client.get("/api/generate/vectors", params={"tool": "clock", "toolset": "small"}).json()
    assert vectors == [{"tool": "clock", "arguments": {}}]


def test_errors_say_where(client):
    answer = client.post("/api/generate", json={"way": "template", "template": "[[template]]\nrequest = 5\n"})
    assert answer.status_code == 400
    assert (2, "template[0].request") in [(p["line"], p["field"]) for p in answer.json()["error"]["problems"]]
    assert client.post("/api/generate", json={"way": "magic"}).status_code == 400
    assert client.post("/api/generate/teacher", json={**ORDER, "way": "teacher"}).status_code == 400
    assert client.get("/api/generate/teacher/nothing").status_code == 400
