"""A real evaluation run of a tiny model."""

import dataclasses
import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.small_models import make_gemma, make_neox
from workbench.evaluation.worker import evaluate
from workbench.jobs.local import launch
from workbench.jobs.watch import observe
from workbench.records import Model, Reply, Scenario, Tool, Toolset
from workbench.runfolder import RunFolder, append_rows, read_rows, write_json
from workbench.runfolder.reporting import Ending, Reporter
from workbench.scenarios.validate import check_call

TOOLSET = Toolset("net", (Tool("ping", "Test.", {"type": "object", "properties": {"host": {"type": "string"}}}),))
SCENARIOS = [Scenario(f"s{i}", "net", f"ping the host {i}") for i in range(7)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gemma(tmp_path_factory.mktemp("gemma"))


def make_folder(path: Path, base: Path) -> RunFolder:
    path.mkdir(exist_ok=True)
    folder = RunFolder(path)
    config = {
        "run_id": path.name,
        "kind": "evaluate",
        "model": dataclasses.asdict(Model("small", "Small", str(base))),
        "toolset": TOOLSET.to_dict(),
        "settings": {"batch_size": 3, "max_new_tokens": 8, "threads": 1},
    }
    write_json(folder.config, config)
    append_rows(folder.cases, ({"scenario": scenario.to_dict()} for scenario in SCENARIOS))
    return folder


def run_here(folder: RunFolder) -> Ending:
    with Reporter(folder) as reporter:
        return evaluate(folder, reporter)


def test_every_case_gets_a_reply(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path / "run", base)
    launch(folder.path, "workbench.evaluation.worker")
    deadline = time.time() + 240
    while not (status := observe(folder.path)).finished:
        assert time.time() < deadline
        time.sleep(0.05)
    assert status.state == "done", status.message
    replies = [Reply.from_dict(row) for row in read_rows(folder.replies)]
    assert sorted(reply.scenario_id for reply in replies) == [scenario.id for scenario in SCENARIOS]
    assert all(reply.completion_tokens <= 8 and reply.latency_ms > 0 for reply in replies)
    assert [row["done"] for row in read_rows(folder.metrics)] == [3, 6, 7]
    assert (status.step, status.total_steps) == (7, 7)


def test_it_goes_on_where_it_was(tmp_path: Path, base: Path) -> None:
    whole = make_folder(tmp_path / "whole", base)
    run_here(whole)
    expected = {row["scenario_id"]: row["raw"] for row in read_rows(whole.replies)}
    folder = make_folder(tmp_path / "run", base)
    kept = read_rows(whole.replies)[:2]
    append_rows(folder.replies, kept)
    with folder.replies.open("a") as file:
        file.write(json.dumps(read_rows(whole.replies)[2])[:20])
    run_here(folder)
    rows = read_rows(folder.replies)
    assert rows[:2] == kept and len(rows) == len(SCENARIOS)
    assert {row["scenario_id"]: row["raw"] for row in rows} == expected


def test_a_killed_worker_loses_no_reply_and_the_next_goes_on(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path / "run", base)
    more = [Scenario(f"m{i}", "net", f"ping the host {i} {i}") for i in range(60)]
    append_rows(folder.cases, ({"scenario": scenario.to_dict()} for scenario in more))
    config = folder.read_config()
    write_json(folder.config, {**config, "settings": {**config["settings"], "batch_size": 2, "max_new_tokens": 100}})
    deadline = time.time() + 240
    launch(folder.path, "workbench.evaluation.worker")
    while len(read_rows(folder.replies)) < 4:
        assert time.time() < deadline
        time.sleep(0.01)
    os.kill(observe(folder.path).pid, signal.SIGKILL)
    kept = read_rows(folder.replies)
    assert 4 <= len(kept) < len(SCENARIOS) + len(more)
    with folder.replies.open("a") as file:
        file.write('{"scenario_id": "torn')
    write_json(folder.config, {**config, "settings": {**config["settings"], "batch_size": 32}})
    launch(folder.path, "workbench.evaluation.worker")
    while (status := observe(folder.path)).state != "done":
        assert time.time() < deadline and status.state != "failed", status.message
        time.sleep(0.05)
    rows = read_rows(folder.replies)
    assert rows[: len(kept)] == kept
    assert sorted(row["scenario_id"] for row in rows) == sorted(s.id for s in (*SCENARIOS, *more))
    assert read_rows(folder.metrics)[-1]["done"] == len(rows) == status.step


def test_the_summary_says_how_batches_were_laid_out(tmp_path: Path, base: Path) -> None:
    assert run_here(make_folder(tmp_path / "run", base)).summary["batching"] == "shared prefix"
    other = make_folder(tmp_path / "other", make_neox(tmp_path / "neox"))
    config = other.read_config()
    write_json(other.config, {**config, "model": {**config["model"], "dialect": "hermes"}})
    with Reporter(other) as reporter:
        ending = evaluate(other, reporter)
        assert "Ordinary padded batches" in reporter._status.message
    assert ending.summary["batching"] == "padded" and "gpt_neox" in ending.summary["batching_reason"]
    assert len(read_rows(other.replies)) == len(SCENARIOS)


def test_cancel_ends_between_batches(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path / "run", base)
    folder.cancel.touch()
    ending = run_here(folder)
    assert ending.state == "stopped" and "3 of 7" in ending.message
    assert len(read_rows(folder.replies)) == 3
    folder.cancel.unlink()
    assert run_here(folder).state == "done"
    assert len(read_rows(folder.replies)) == 7


def test_a_folder_without_cases_is_explained(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path / "run", base)
    folder.cases.unlink()
    with pytest.raises(Exception, match=r"no cases\.jsonl"):
        run_here(folder)


def test_a_constrained_run_writes_no_invalid_call(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path / "run", base)
    config = folder.read_config()
    write_json(folder.config, {**config, "settings": {**config["settings"], "max_new_tokens": 40, "constrained": True}})
    run_here(folder)
    free = make_folder(tmp_path / "free", base)
    write_json(free.config, {**config, "settings": {**config["settings"], "max_new_tokens": 40}})
    run_here(free)
    replies = [Reply.from_dict(row) for row in read_rows(folder.replies)]
    assert len(replies) == len(SCENARIOS)
    for reply in replies:
        assert all(not check_call(call, TOOLSET, "call") for call in reply.parsed.calls)
    assert "malformed" in {row["kind"] for row in read_rows(free.replies)}, "or the grammar has nothing to do"
