"""The inbox over HTTP, through the same client that the command line uses."""

import json
from pathlib import Path

import pytest

from tests.served_decisions import record
from workbench.actions.inbox_verbs import RemoteInboxVerbs
from workbench.errors import WorkbenchError


@pytest.fixture
def verbs(client):
    def ask(method, path, query=None, body=None):
        raw = body if body is None or isinstance(body, dict) else body.read()
        given = {name: value for name, value in (query or {}).items() if value not in ("", None)}
        sent = {"json": raw} if isinstance(raw, dict) else {"content": raw}
        answer = client.request(method, path, params=given, **sent)
        if answer.status_code != 200:
            raise WorkbenchError(answer.json()["error"]["message"])
        return answer.json()

    def lines(path, query):
        return iter(client.get(path, params=query).text.splitlines())

    return RemoteInboxVerbs(ask, lines)


def test_judging(verbs, store):
    record(store, "a", "reach example.org", [("ping", {"host": "example.org"})])
    record(store, "b", "what is it", [("ping", {"host": "it"})])
    record(store, "c", "please ping host8", [("ping", {"host": "host8"})])
    assert verbs.list()["total"] == 3 and verbs.list({"text": "what"})["entries"][0]["id"] == "b"
    with pytest.raises(WorkbenchError, match="near the test scenario"):
        verbs.accept("c")
    assert verbs.accept("c", near_held_out=True)["split"] == "test"
    assert verbs.reject("a")["verdict"] == "rejected"
    assert verbs.show("c")["state"] == "accepted"
    fixed = [{"name": "clock", "arguments": {}}]
    with pytest.raises(WorkbenchError, match="No decision"):
        verbs.correct("nobody", fixed)
    assert verbs.correct("b", fixed)["verdict"] == "corrected"


def test_capture_and_files(verbs, store, tmp_path: Path):
    assert verbs.set_capture(share=0.5) == {"active": True, "share": 0.5, "keep_days": 90} == verbs.capture()
    log = tmp_path / "log.jsonl"
    row = {"user_message": "x", "predicted_tool": "clock", "predicted_args": {}, "result_useful": True}
    log.write_text(json.dumps(row) + "\n{\n")
    found = verbs.bring(log)
    assert found["new"] == 1 and (found["problems"][0]["file"], found["problems"][0]["line"]) == ("log.jsonl", 2)
    (line,) = verbs.export("outcomes")
    assert json.loads(line)["predicted_tool"] == "clock"
