"""The gate scores a candidate once, keeps book, and its verdict follows from the figures."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.starter_bars import Trial
from benchmarks.starter_gate import GOALS, Ledger, RefusedError, checks, gate
from workbench.records import Scenario
from workbench.workspace import STARTER

FEW = frozenset({"vetdesk-001", "vetdesk-019", "vetdesk-055", "vetdesk-320", "vetdesk-390", "vetdesk-684"})


def row(value: float, **more: Any) -> dict[str, Any]:
    rate = {"value": value, "low": value, "high": value}
    return {"model": "some", "n": 10, **{name: rate for name in GOALS}, **more}


def test_a_candidate_is_scored_once_unless_somebody_says_why(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "new" / "ledger.jsonl")
    ledger.begin("abc", tmp_path, "")
    with pytest.raises(RefusedError, match="scored before"):
        ledger.begin("abc", tmp_path, " ")
    ledger.begin("another", tmp_path, "")
    ledger.begin("abc", tmp_path, "the machine went down")
    assert [entry["again"] for entry in ledger.entries("abc")] == ["", "the machine went down"]


def test_all_goals_are_reached_by_a_good_candidate_only() -> None:
    good = [row(0.5), row(0.97, train_seconds=150.0), row(0.99, train_seconds=170.0)]
    assert all(holds for _, holds in checks({"one": good, "two": good}, 8.0))
    assert [holds for _, holds in checks({"one": good}, 21.0)].count(False) == 1
    knows_it_already = [row(0.7), *good[1:]]
    assert [holds for _, holds in checks({"one": knows_it_already}, 8.0)].count(False) == 1
    slow_on_one_seed = [*good[:2], row(0.99, train_seconds=181.0)]
    assert [holds for _, holds in checks({"one": slow_on_one_seed}, 8.0)].count(False) == 1
    weak = [row(0.5), row(0.87, train_seconds=150.0)]
    assert [holds for _, holds in checks({"one": good, "two": weak}, 8.0)].count(False) == 3


def test_a_folder_without_weights_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"no model\.safetensors"):
        gate(tmp_path, tmp_path / "out", "", Trial())
    assert not (tmp_path / "out").exists()


def test_the_starter_goes_through_the_gate(tmp_path: Path) -> None:
    def keep(scenario: Scenario) -> bool:
        return scenario.id in FEW

    trial = Trial(seeds=(0,), keep=keep, overrides={"max_steps": 1, "validate_every": 0, "threads": 1})
    assert not gate(STARTER, tmp_path, "", trial, ("vetdesk",))
    begun, scored = map(json.loads, (tmp_path / "ledger.jsonl").read_text().splitlines())
    assert (begun["event"], scored["event"]) == ("begun", "scored") and scored["reached"] < scored["goals"]
    figures = json.loads((tmp_path / f"{begun['fingerprint']}.json").read_text())
    base, tuned = figures["rows"]["vetdesk"]
    assert base["n"] == tuned["n"] == 2 and tuned["train_seconds"] > 0 and "train_seconds" not in base
    report = (tmp_path / f"{begun['fingerprint']}.md").read_text()
    assert "test split (n = 2)" in report and "**missed**: vetdesk: exact calls" in report
    with pytest.raises(RefusedError, match="scored before"):
        gate(STARTER, tmp_path, "", trial, ("vetdesk",))
