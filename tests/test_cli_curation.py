"""Curation on the command line, on a small workspace and through a real HTTP server."""

import json
import os
from pathlib import Path

import pytest

from tests.http_app import serve_api
from tests.small_workspace import make_scenario, open_small
from workbench import cli
from workbench.actions.remote import AppFile
from workbench.workspace import Workspace


@pytest.fixture(params=["store", "app"])
def run(request, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Runs a command line with --json, on the store itself or while a server holds it; ``status``: the exit status."""
    root = tmp_path / "workspace"
    root.mkdir()
    store = open_small(root)

    def run(*arguments: str, status: int = 0):
        assert cli.main([*map(str, arguments), "--workspace", str(root), "--json"]) == status
        return json.loads(capsys.readouterr().out)

    if request.param == "store":
        store.close()
        yield run
        return
    with serve_api(store) as address:
        AppFile(os.getpid(), address, "key").write(Workspace(root))
        yield run
    store.close()


def test_edit_history_undo_redo(run):
    assert run("edit", "--os", "linux", "--set-add-tags", "x", "y")["changed"] == 6
    assert run("edit", "s0", "s1", "--set-status", "draft")["changed"] == 2
    assert run("history", "--undo")["changes"][0]["kind"] == "undo"
    assert run("history", "--redo")["next_redo"] == 0
    assert run("history", "--scenario", "s0")["revisions"][0]["fields"][0]["field"] == "status"
    assert "changed again later" in run("history", "--undo", "2", status=1)["error"]["message"]
    assert run("history", "--undo", "2", "--rest")["changes"][0]["scenarios"] == 5
    assert len(run("history", "--change", "2")["did"]) == 6
    assert run("snapshots") == {"snapshots": []}


def test_targets_and_check(run, tmp_path):
    assert run("check")["ok"] is True
    assert run("targets", "each os >= 7", "total >= 5")["targets"] == ["each os >= 7", "total >= 5"]
    found = run("check", status=1)
    assert [one["message"] for one in found["violations"]] == [
        "only 6 of 7 approved scenarios for linux",
        "only 6 of 7 approved scenarios for macos",
    ]
    assert run("check", "--target", "total >= 12")["ok"] is True
    assert run("check", "--preset", "caro", status=1)["checked"] == 12
    assert run("targets", "--clear")["targets"] == []
    file = tmp_path / "rows.jsonl"
    file.write_text('{"request": "hi", "expected": "NO_TOOL"}\n{"request": "hi"}\n')
    found = run("check", file, status=1)
    assert [(one["gate"], one["line"]) for one in found["violations"]] == [("rows", 2)]


def test_review(run, tmp_path):
    file = tmp_path / "drafts.jsonl"
    file.write_text("\n".join(json.dumps(make_scenario(i, id=f"d{i}", status="draft").to_dict()) for i in range(3)))
    run("import", file)
    found = run("review", "--reviewers", "2", "--reviewer", "ann", "--approve", "d0", "d1", "--reject", "d2")
    assert [one["status"] for one in found["judged"]] == ["draft"] * 3 and found["total"] == 0
    found = run("review", "--reviewer", "bob", "--approve", "d0", "d2")
    assert [one["status"] for one in found["judged"]] == ["approved", "draft"]
    assert found["agreement"]["disagreements"] == [{"id": "d2", "verdicts": {"ann": "reject", "bob": "approve"}}]
    assert found["agreement"]["pairs"][0]["n"] == 2
