"""The verb ``generate`` on a real workspace."""

import json

import pytest

from tests.chat_server import completion, send_json, serve
from tests.small_workspace import open_small
from workbench.cli import main


@pytest.fixture
def root(tmp_path):
    open_small(tmp_path).close()
    return tmp_path


def call(capsys, *words: str):
    """Exit status and JSON output."""
    status = main(["generate", *words, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_by_rule_to_the_store_to_a_file_and_as_vectors(root, capsys):
    place = ("--workspace", str(root), "--tool", "ping", "--count", "2")
    assert call(capsys, *place, "--dry-run")[1]["change"] == 0
    status, found = call(capsys, *place, "--os", "linux")
    assert status == 0 and found["drafts"] == 2 and found["examples"][0]["os"] == "linux"
    assert call(capsys, *place, "--output", str(root / "drafts.jsonl"))[0] == 0
    assert len((root / "drafts.jsonl").read_text().splitlines()) == 2
    assert call(capsys, *place, "--vectors", str(root / "vectors.json"))[0] == 0
    assert {row["tool"] for row in json.loads((root / "vectors.json").read_text())} == {"ping"}


def test_a_template_file_with_a_mistake(root, capsys):
    path = root / "t.toml"
    path.write_text('[[template]]\nrequest = "hello {who}"\nexpected = "NO_TOOL"\n')
    status, found = call(capsys, "--workspace", str(root), "--way", "template", "--template", str(path))
    assert status == 1 and "line 2" in found["error"]["message"]
    assert call(capsys, "--workspace", str(root), "--way", "template", "--template", str(root / "none"))[0] == 1


def test_a_teacher(root, capsys):
    rows = [{"request": "is garnet.lan awake", "expected": [{"name": "ping", "arguments": {"host": "garnet.lan"}}]}]
    with serve(lambda handler, body: send_json(handler, completion(json.dumps({"scenarios": rows})))) as server:
        words = ("--way", "teacher", "--base-url", server.base_url, "--model", "big", "--tool", "ping", "--count", "1")
        status, found = call(capsys, "--workspace", str(root), *words, "--each", "1", "--price-in", "2")
    assert status == 0 and (found["state"], found["drafts"], found["cost"]) == ("done", 1, 0.0002)
