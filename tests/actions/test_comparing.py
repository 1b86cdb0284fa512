import csv
import io
import json
import shutil

import pytest

from workbench import workspace
from workbench.actions import (
    answers,
    comparing,
    curate,
    figures,
    leaderboard,
    models,
    publishing,
    run_progress,
    runs,
    starting,
)
from workbench.errors import WorkbenchError
from workbench.evaluation.statistics import Rate, summarise
from workbench.records import Model, Run
from workbench.store import runs as run_store
from workbench.store import snapshots
from workbench.store.answers import AnswerFilter
from workbench.training.settings import TrainSettings

pytestmark = pytest.mark.usefixtures("stub_workers")


@pytest.fixture
def tuned(store) -> Run:
    return run_progress.wait(
        store, starting.start_training(store, "small", settings=TrainSettings(epochs=1), name="tuned").id
    )


@pytest.fixture
def snapshot(store) -> str:
    return runs.make_snapshot(store, "small")


@pytest.fixture
def both(store, tuned, snapshot) -> list[Run]:
    started = comparing.ensure_evaluations(store, ["starter", f"run:{tuned.id}"], snapshot)
    return [run_progress.wait(store, run.id) for run in started]


@pytest.fixture
def ids(both) -> list[str]:
    return [run.id for run in both]


def test_base_and_tuned_side_by_side(store, ids, snapshot):
    found = comparing.compare(store, ids)
    assert (found.snapshot, found.split, found.n, found.differing) == (snapshot, "test", 4, 2)
    assert [column.label for column in found.columns] == ["Starter (shipped, tiny)", "tuned"]
    assert [column.headline.exact_calls.successes for column in found.columns] == [2, 4]
    rows = answers.page(store, found)
    assert [cell.verdict for cell in rows[1].cells] == ["malformed", "exact"]
    differing = answers.page(store, found, AnswerFilter(differing=True))
    assert [row.scenario.id for row in differing] == [row.scenario.id for row in rows if row.differs]
    (change,) = found.differences["exact"]
    assert (change.pairs.fixed, change.pairs.broken, change.standing) == (2, 0, "not distinguishable")
    assert "not distinguishable" in found.findings()[0] and "cannot be seen" in found.findings()[1]
    json.dumps(found.to_dict())
    by_tool = figures.slices(store, found, "tool")
    assert set(by_tool) == {"ping", "clock", "NO_TOOL"} and sum(heads[1].n for heads in by_tool.values()) == 4


def test_the_database_counts_as_the_records_do(store, ids, snapshot):
    scenarios = snapshots.load(store, snapshot).split("test")
    for column in comparing.compare(store, ids).columns:
        told = summarise(run_store.scores(store, column.run.id), run_store.replies(store, column.run.id), scenarios)
        assert column.headline == told


def test_evaluations_are_made_once(store, both, tuned, snapshot):
    again = comparing.ensure_evaluations(store, [f"run:{tuned.id}", "starter"], snapshot)
    assert [run.id for run in again] == [both[1].id, both[0].id]
    named = comparing.ensure_evaluations(store, [both[1].id, "starter"], snapshot)
    assert [run.id for run in named] == [both[1].id, both[0].id]
    assert {run.id for run in comparing.evaluations(store, snapshot)} == {run.id for run in both}
    other = comparing.ensure_evaluations(store, ["starter"], snapshot, "validation")
    assert other[0].id not in {run.id for run in both}
    run_progress.wait(store, other[0].id)


def test_new_weights_are_evaluated_anew(store, both, snapshot, tmp_path, monkeypatch):
    copy = tmp_path / "starter"
    shutil.copytree(workspace.STARTER, copy)
    monkeypatch.setattr(workspace, "STARTER", copy)
    assert comparing.latest(store, ["starter"], snapshot, "test")["starter"].id == both[0].id
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[len(weights) // 2 :] = bytes(len(weights) - len(weights) // 2)
    (copy / "model.safetensors").write_bytes(weights)
    assert comparing.latest(store, ["starter"], snapshot, "test") == {}
    (fresh,) = comparing.ensure_evaluations(store, ["starter"], snapshot)
    assert fresh.id != both[0].id
    run_progress.wait(store, fresh.id)


def test_a_fingerprint_tells_files_apart(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    model = Model("m", "M", str(tmp_path))
    first = models.fingerprint(model)
    (tmp_path / "notes.txt").write_text("not a part of the model")
    assert models.fingerprint(model) == first != ""
    (tmp_path / "model.safetensors").write_bytes(bytes(3_000_000))
    second = models.fingerprint(model)
    assert len({first, second}) == 2
    (tmp_path / "model.safetensors").write_bytes(bytes(2_999_999) + b"1")
    assert models.fingerprint(model) != second
    assert models.fingerprint(Model("nobody/nothing-here", "", "nobody/nothing-here")) == ""


def test_an_unknown_model_starts_nothing(store, snapshot):
    with pytest.raises(WorkbenchError, match="no model"):
        comparing.ensure_evaluations(store, ["starter", "no such"], snapshot)
    assert runs.runs(store) == []


def test_export(store, ids):
    found = comparing.compare(store, ids)
    differing = AnswerFilter(differing=True)
    rows = list(csv.DictReader(io.StringIO("".join(publishing.export_comparison(store, found, "csv", differing)))))
    assert len(rows) == 2
    assert rows[0]["tuned: verdict"] == "exact"
    assert rows[0]["Starter (shipped, tiny): got"] == "'=stub"
    lines = [json.loads(line) for line in publishing.export_comparison(store, found, "jsonl")]
    assert len(lines) == 4 and lines[0]["answers"][ids[0]]["verdict"] == "exact"
    with pytest.raises(WorkbenchError, match="xlsx"):
        publishing.export_comparison(store, found, "xlsx")


def test_the_report_holds_everything_it_needs(store, ids):
    html = "".join(publishing.export_comparison(store, comparing.compare(store, ids), "html"))
    assert "Starter (shipped, tiny)" in html and "not distinguishable" in html and "please ping host9" in html
    assert html.count("data-figure=") >= 4 and "Plotly" in html
    assert "<script src" not in html and "<link" not in html


def test_the_same_answers_give_the_same_metrics(store, ids, both, tuned, snapshot):
    text = figures.metrics_json(store, ids)
    again = [run_progress.wait(store, starting.start_evaluation(store, run.model, snapshot).id).id for run in both]
    assert figures.metrics_json(store, again) == text
    first = json.loads(text)["models"][0]
    expected = {"total": 4, "tool_name_correct": 2, "arg_exact_match": 2, "no_tool_correct": 1, "schema_failures": 2}
    assert expected.items() <= first.items()
    assert "latency" not in text and both[0].id not in text
    assert json.loads(figures.metrics_json(store, ids[:1]))["differences"] == []


def test_a_threshold_turns_doubted_calls_into_no_tool(store, ids):
    # The stub is sure by one half of everything.
    kept, doubted = (comparing.compare(store, ids, threshold) for threshold in (50, 51))
    assert kept.columns[1].headline.exact_calls == Rate(4, 4)
    assert doubted.columns[1].headline.exact_calls == Rate(2, 4)
    assert doubted.columns[1].headline.misses == Rate(2, 2)
    rows = answers.page(store, doubted)
    assert [row.cells[1].verdict for row in rows].count("exact") == 2
    assert sum(row.cells[1].doubted for row in rows) == 2
    points = figures.curve(store, ids[1])
    assert (points[50].exact, points[51].exact) == (Rate(4, 4), Rate(2, 4))
    assert (points[50].called, points[51].called) == (Rate(2, 4), Rate(0, 4))
    with pytest.raises(WorkbenchError, match="not a percentage"):
        comparing.compare(store, ids, 101)


def test_the_gate(store, ids):
    found = comparing.compare(store, ids)
    backwards = comparing.compare(store, ids[::-1])
    assert not comparing.judge(found).worse and not comparing.judge(backwards).worse
    assert comparing.judge(backwards).rule == "chance"
    for margin, worse in ((0, True), (49.9, True), (50, False)):
        assert comparing.judge(backwards, margin).worse is worse
        assert not comparing.judge(found, margin).worse
    with pytest.raises(WorkbenchError, match="makes no sense"):
        comparing.judge(found, -1)
    with pytest.raises(WorkbenchError, match="one candidate"):
        comparing.judge(comparing.compare(store, ids[:1], least=1))


def test_one_scenario_again(store, ids, snapshot):
    again = run_progress.wait(store, comparing.rerun(store, ids[0], "s9").id)
    assert again.state == "done" and again.summary["n"] == 1
    (reply,) = answers.replies(store, again.id)
    assert reply["reply"]["scenario_id"] == "s9" and reply["score"]["exact"]
    assert {run.id for run in comparing.evaluations(store)} == set(ids)
    assert comparing.latest(store, ["starter"], snapshot, "test")["starter"].id == ids[0]
    with pytest.raises(WorkbenchError, match="lacks 3 of 4"):
        comparing.compare(store, [ids[0], again.id])
    with pytest.raises(WorkbenchError, match="no scenario 's0'"):
        comparing.rerun(store, ids[0], "s0")


def test_the_leaderboard(store, ids, both, snapshot):
    newer = run_progress.wait(store, starting.start_evaluation(store, "starter", snapshot).id)
    board = leaderboard.leaderboard(store, snapshot)
    assert [entry.run.id for entry in board] == [ids[1], newer.id, ids[0]]
    assert [entry.newest for entry in board] == [True, True, False]
    assert board[0].exact == Rate(4, 4)
    assert leaderboard.leaderboard(store, snapshot, "train") == []


def test_only_like_is_compared(store, both, tuned, snapshot):
    first = both[0].id
    validation = run_progress.wait(store, starting.start_evaluation(store, "starter", snapshot, "validation").id).id
    curate.set_status(store, ["s8"], "rejected")
    newer = run_progress.wait(
        store, starting.start_evaluation(store, "starter", runs.make_snapshot(store, "small")).id
    ).id
    for ids, message in (
        ([first], "at least two"),
        ([first, first], "at least two"),
        ([first, validation], "different splits"),
        ([first, newer], "different snapshots"),
        ([first, tuned.id], "training run"),
        ([first, "none"], "no run 'none'"),
    ):
        with pytest.raises(WorkbenchError, match=message):
            comparing.compare(store, ids)
    with store.write() as cursor:
        cursor.execute("DELETE FROM replies WHERE run_id = ? AND scenario_id = 's9'", [first])
    with pytest.raises(WorkbenchError, match="lacks 1 of 4"):
        comparing.compare(store, [run.id for run in both])
    assert len(run_store.scores(store, first)) == 4


def test_an_unfinished_evaluation_is_refused(store, both, snapshot):
    run_store.update(store, both[1].id, state="running")
    with pytest.raises(WorkbenchError, match="it is running"):
        comparing.compare(store, [run.id for run in both])
