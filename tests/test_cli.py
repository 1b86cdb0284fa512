"""The command line on a small workspace of its own; ``test_app.py`` has it beside a running app."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_workspace import open_small
from workbench import cli
from workbench.actions import runs
from workbench.workspace import REPOSITORY

QUICK = ("--epochs", "2")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small workspace; no process holds it."""
    for kind in ("train", "evaluate"):
        monkeypatch.setitem(runs.WORKERS, kind, "tests.stub_worker")
    monkeypatch.setattr(cli.output, "POLL_SECONDS", 0.05)
    open_small(tmp_path).close()
    return tmp_path


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]):
    """Runs a command line with --json and gives what it printed; ``status`` is the expected exit status."""

    def run(*arguments: str, status: int = 0):
        assert cli.main([*map(str, arguments), "--workspace", str(root), "--json"]) == status
        return json.loads(capsys.readouterr().out)

    return run


def test_status_and_coverage(run):
    assert run("status")["scenarios"]["approved"] == 12
    assert run("coverage")["by_tool_os"]["ping"]["linux"] == 2


def test_import_dry_run(run, root):
    path = root / "mixed.jsonl"
    path.write_text('{"request": "hi", "expected": "NO_TOOL"}\n{"request": "hi"}\nbroken\n')
    report = run("import", path, "--dry-run")
    assert {"format": "jsonl", "kind": "scenarios", "good": 1, "bad": 2}.items() <= report.items()
    assert [(problem["line"], problem["field"]) for problem in report["problems"]] == [(2, "expected"), (3, "")]
    assert run("status")["scenarios"]["total"] == 12
    assert [one["good"] for one in run("import", path, path, "--dry-run")] == [1, 1]


def test_import_and_rejects(run, root):
    path, rejects = root / "mixed.jsonl", root / "rejects.jsonl"
    path.write_text('{"request": "hi", "expected": "NO_TOOL"}\n{"request": "hi"}\n')
    run("import", path, "--status", "approved", "--rejects", rejects)
    assert rejects.read_text().splitlines() == [
        '# line 2: expected: is missing Write the expected calls, or "NO_TOOL".',
        '{"request": "hi"}',
    ]
    assert run("status")["scenarios"]["approved"] == 13
    assert "one by one" in run("import", path, path, "--rejects", rejects, status=1)["error"]["hint"]


@pytest.mark.parametrize("format", ["jsonl", "chat", "csv"])
def test_export_and_import_again(run, root, format):
    path = root / "out.file"
    run("export", "--format", format, "--split", "test", "--output", path)
    report = run("import", path, "--dry-run")
    assert (report["format"], report["good"]) == (format, 4)


def test_export_to_standard_output(root, capsysbinary):
    assert cli.main(["export", "--text", "host3", "--workspace", str(root)]) == 0
    assert json.loads(capsysbinary.readouterr().out)["id"] == "s3"


def test_an_export_that_fails_leaves_the_old_file(run, root):
    path = root / "kept.jsonl"
    path.write_text("old")
    assert "no toolset 'x'" in run("export", "--toolset", "x", "--output", path, status=1)["error"]["message"]
    assert path.read_text() == "old"


def test_train_evaluate_compare(run, root):
    trained = run("train", *QUICK, "--name", "mine")
    assert trained["state"] == "done" and trained["summary"]["loss"] == 0.5
    model = f"run:{trained['id']}"
    assert run("evaluate", model)["runs"][0]["summary"]["exact_calls"]["value"] == 1.0
    table = root / "table.csv"
    found = run("compare", "starter", model, "--differing", "--output", table)
    assert [one["headline"]["exact_calls"]["value"] for one in found["models"]] == [0.5, 1.0]
    assert (found["n"], len(found["rows"])) == (4, 2) and len(table.read_text().splitlines()) == 3
    assert len(run("runs")["runs"]) == 3
    assert run("runs", trained["id"], "--log")["log"] == ""


def test_the_gate_and_the_exports(run, root, capsys):
    model = f"run:{run('train', *QUICK)['id']}"
    report, metrics = root / "report.html", root / "metrics.json"
    better = run("compare", "starter", model, "--fail-if-worse", "--export", report, "--export", metrics)
    assert better["gate"]["worse"] is False and better["gate"]["rule"] == "chance"
    assert report.read_text("utf-8").startswith("<!doctype html>")
    assert json.loads(metrics.read_text())["models"][0]["tool_name_correct"] == 2
    # Half as many right answers, but of four scenarios: chance may do that, a margin of 10 points does not allow it.
    assert run("compare", model, "starter", "--fail-if-worse")["gate"]["worse"] is False
    ids = [one["run"] for one in better["models"]]
    worse = run("compare", *ids[::-1], "--fail-if-worse", "--margin", "10", status=1)
    assert worse["gate"] == {"worse": True, "rule": "margin", "reason": worse["gate"]["reason"]}
    assert "two" in run("compare", "starter", "--fail-if-worse", status=2)["error"]["message"]
    assert "no model" in run("compare", "starter", "no such", "--fail-if-worse", status=2)["error"]["message"]
    assert "End its name" in run("compare", *ids, "--export", "x.pdf", status=1)["error"]["hint"]
    again = root / "again.json"
    run("evaluate", ids[0], ids[1], "--metrics", again)
    assert again.read_bytes() == metrics.read_bytes()
    board = run("leaderboard", better["snapshot"])["entries"]
    assert [one["run"] for one in board] == ids[::-1]
    assert cli.main(["leaderboard", better["snapshot"], "--workspace", str(root)]) == 0
    assert "100.0%" in capsys.readouterr().out


def test_no_wait_and_cancel(run):
    started = run("train", "--epochs", "900", "--no-wait")
    assert started["state"] == "running"
    assert run("runs", started["id"], "--cancel", "--wait")["state"] == "stopped"


def test_a_failed_run_ends_with_its_reason(run, capsys):
    error = run("train", "--seed", "13", status=1)["error"]
    assert "out of memory" in error["message"] and "--log" in error["hint"]


def test_text_output(root, capsys):
    for verb in (
        "status",
        "coverage",
        "runs",
        "train --epochs 1",
        "runs",
        "compare starter google/functiongemma-270m-it",
    ):
        assert cli.main([*verb.split(), "--workspace", str(root)]) == 0
    out, err = capsys.readouterr()
    assert "2 tools, 12 scenarios" in out and "There are no runs yet." in out and "50.0% (15.0% to 85.0%)" in out
    assert "100%" in err


@pytest.mark.parametrize("line", ["", "fly", "compare", "import", "train --epochs many", "evaluate x --split all"])
def test_a_wrong_command_line(line, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(line.split())
    assert caught.value.code == 2 and "usage" in capsys.readouterr().err


def test_errors_have_a_hint(root, capsys):
    assert cli.main(["train", "--learning-rate", "2", "--workspace", str(root)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and "\nhint: " in err
    assert cli.main(["runs", "../x", "--workspace", str(root)]) == 1
    assert cli.main(["compare", "starter", "--workspace", str(root)]) == 1
    (root / "file").write_text("")
    assert cli.main(["status", "--workspace", str(root / "file")]) == 1


def test_a_store_that_another_process_holds(root):
    with open_small(root / "held"):
        ended = subprocess.run(
            [sys.executable, "-m", "workbench", "status", "--workspace", str(root / "held")],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1 and "is in use by process" in ended.stderr and "hint: " in ended.stderr


def test_a_reader_that_has_seen_enough(root):
    command = [sys.executable, "-m", "workbench", "export", "--workspace", str(root)]
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, cwd=REPOSITORY, text=True, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_app_verb_passes_its_options_on(root, monkeypatch):
    seen = []
    monkeypatch.setattr("os.execv", lambda path, command: seen.append(command) or sys.exit(0))
    with pytest.raises(SystemExit):
        cli.main(["app", "--port", "0", "--no-browser", "--workspace", str(root)])
    # The host is not given: the app takes it from its settings.
    assert seen[0][1:] == [str(REPOSITORY / "app.py"), "--workspace", str(root), "--port", "0", "--no-browser"]


def test_demo_on_stub_workers(run):
    found = run("demo")
    assert (found["scenarios"], found["test_n"]) == (12, 4)
    assert found["base"] == {"tool_accuracy": 0.5, "exact_calls": 0.5}
    assert found["tuned"] == {"tool_accuracy": 1.0, "exact_calls": 1.0}
    assert found["train_seconds"] > 0 and found["seconds"] > 0


def test_every_verb_has_help_workspace_and_json(capsys):
    for verb in (
        "status",
        "import",
        "export",
        "coverage",
        "train",
        "runs",
        "evaluate",
        "compare",
        "leaderboard",
        "app",
        "demo",
    ):
        with pytest.raises(SystemExit) as caught:
            cli.main([verb, "--help"])
        out = capsys.readouterr().out
        assert caught.value.code == 0 and "--workspace" in out and "--json" in out
