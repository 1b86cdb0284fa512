"""Runs: their fields, metrics that may arrive twice, replies and scores."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from workbench.errors import WorkbenchError
from workbench.records import ArgumentScore, Parsed, Reply, Run, Score, ToolCall
from workbench.store import Store, runs

RUN = Run("r1", "train", "queued", "hash", "starter", {"z": 1, "a": 1.0}, "2026-01-01T00:00:00.000+00:00", name="n")


def test_a_run_comes_back_to_the_letter(store: Store) -> None:
    runs.add(store, RUN)
    got = runs.get(store, "r1")
    assert got == RUN and got is not None and json.dumps(got.config) == json.dumps(RUN.config)
    assert runs.get(store, "nobody") is None


def test_an_id_is_taken_once(store: Store) -> None:
    runs.add(store, RUN)
    with pytest.raises(WorkbenchError, match="already a run 'r1'"):
        runs.add(store, replace(RUN, kind="evaluate"))
    assert runs.get(store, "r1") == RUN


def test_updates(store: Store) -> None:
    runs.add(store, RUN)
    runs.update(store, "r1", state="done", summary={"loss": 1.0}, ended_at="later", message="ok")
    assert runs.get(store, "r1") == replace(RUN, state="done", summary={"loss": 1.0}, ended_at="later", message="ok")
    runs.update(store, "r1")
    with pytest.raises(WorkbenchError, match="no run 'nobody'"):
        runs.update(store, "nobody", state="done")
    for wrong in ("config", "id", "colour"):
        with pytest.raises(ValueError, match=wrong):
            runs.update(store, "r1", **{wrong: {}})


def test_the_list_is_newest_first_and_filtered(store: Store) -> None:
    for i, (kind, state) in enumerate([("train", "done"), ("evaluate", "done"), ("train", "queued")]):
        runs.add(store, replace(RUN, id=f"r{i}", kind=kind, state=state, created_at=f"2026-01-0{i + 1}"))  # type: ignore[arg-type]
    assert [run.id for run in runs.list_runs(store)] == ["r2", "r1", "r0"]
    assert [run.id for run in runs.list_runs(store, kind="train")] == ["r2", "r0"]
    assert [run.id for run in runs.list_runs(store, kind="train", state="done")] == ["r0"]


def test_metrics_may_arrive_twice(store: Store) -> None:
    lines = [
        {"step": 1, "loss": 2.5},
        {"event": "saved"},
        {"step": 2, "loss": float("nan")},
        {"step": 3, "z": 1, "a": 1.0},
    ]
    assert runs.last_line(store, "r1") == 0
    runs.append_metrics(store, "r1", 1, lines[:2])
    runs.append_metrics(store, "r1", 2, lines[1:])
    runs.append_metrics(store, "r2", 1, [{"step": 9}])
    runs.append_metrics(store, "r2", 2, [])
    assert runs.last_line(store, "r1") == 4
    found = runs.metrics(store, "r1")
    assert json.dumps(found) == json.dumps(lines) and math.isnan(found[2]["loss"])
    assert runs.metrics(store, "r1", after_line=3) == lines[3:]
    assert runs.metrics(store, "nobody") == []


def reply(id: str, text: str = "") -> Reply:
    parsed = Parsed("text", text=text) if text else Parsed("calls", (ToolCall("look", {"z": 1, "a": 1.0}),))
    return Reply(id, "raw", parsed, 1.5, 10, 3, 0.5)


def test_replies_and_scores(store: Store) -> None:
    marks = (ArgumentScore(0, "n", "differs", 1, "1"), ArgumentScore(0, "m", "missing", [1]))
    one, two = Score("a", True, False, True, marks), Score("b", False, False, False)
    runs.put_replies(store, "r1", [reply("b"), reply("a")], [two, one])
    assert runs.replies(store, "r1") == [reply("a"), reply("b")]
    assert runs.scores(store, "r1") == [one, two]
    runs.put_replies(store, "r1", [reply("a", "no"), reply("a", "NO")], [replace(one, exact=True)])
    assert runs.replies(store, "r1") == [reply("a", "NO"), reply("b")]
    assert runs.scores(store, "r1") == [replace(one, exact=True), two]
    runs.put_replies(store, "r2", [], [])
    assert runs.replies(store, "r2") == [] and runs.scores(store, "r2") == []
    assert store.read("SELECT kind, label FROM replies ORDER BY scenario_id") == [
        {"kind": "text", "label": "NO_TOOL"},
        {"kind": "calls", "label": "look"},
    ]
