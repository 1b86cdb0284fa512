"""The verbs on served decisions, on the store itself."""

import json
from pathlib import Path

from tests.served_decisions import record
from tests.small_workspace import open_small
from workbench.cli import main


def run(capsys, root: Path, *words: str, status: int = 0):
    assert main([*words, "--workspace", str(root), "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_a_day_with_the_inbox(capsys, tmp_path: Path):
    root = tmp_path / "w"
    with open_small(root) as store:
        record(store, "a", "reach example.org", [("ping", {"host": "example.org"})])
        record(store, "b", "what is it", [("ping", {"host": "it"})], confidence=0.2)
        record(store, "c", "please ping host8")
    assert [one["id"] for one in run(capsys, root, "inbox")["entries"]][0] == "b"
    assert run(capsys, root, "inbox", "b")["reasons"] == ["unsure"]
    assert run(capsys, root, "inbox", "--accept", "a")["verdict"] == "accepted"
    fixed = run(capsys, root, "inbox", "--correct", "b", '[{"name": "clock", "arguments": {}}]')
    assert fixed["scenario"]
    assert "held" not in run(capsys, root, "inbox", "--accept", "c", status=1)["error"]["type"]
    assert run(capsys, root, "inbox", "--accept", "c", "--near-held-out")["split"] == "test"
    counts = run(capsys, root, "inbox")["counts"]
    assert counts == {"open": 0, "accepted": 2, "corrected": 1, "rejected": 0}
    log = tmp_path / "outcomes.jsonl"
    assert main(["inbox", "--export", "outcomes", "--out", str(log), "--workspace", str(root)]) == 0
    assert len(log.read_text().splitlines()) == 3
    capsys.readouterr()
    assert run(capsys, root, "inbox", "--import", str(log))["new"] == 3
    assert main(["inbox", "--correct", "b", "nonsense", "--workspace", str(root)]) == 1
    assert main(["inbox", "--workspace", str(root)]) == 0
    assert "what is it" in capsys.readouterr().out


def test_capture(capsys, tmp_path: Path):
    open_small(tmp_path).close()
    assert run(capsys, tmp_path, "capture") == {"active": True, "share": 1.0, "keep_days": 90}
    assert run(capsys, tmp_path, "capture", "--off", "--share", "0.5")["active"] is False
    assert run(capsys, tmp_path, "capture", "--keep-days", "0", status=1)["error"]
    assert run(capsys, tmp_path, "capture", "--on") == {"active": True, "share": 0.5, "keep_days": 90}
