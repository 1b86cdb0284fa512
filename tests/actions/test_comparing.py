import csv
import io
import json

import pytest

from workbench.actions import comparing, curate, runs
from workbench.errors import WorkbenchError
from workbench.records import Run
from workbench.store import runs as run_store
from workbench.training.settings import TrainSettings

pytestmark = pytest.mark.usefixtures("stub_workers")


@pytest.fixture
def tuned(store) -> Run:
    return runs.wait(store, runs.start_training(store, "small", settings=TrainSettings(epochs=1), name="tuned").id)


@pytest.fixture
def snapshot(store) -> str:
    return runs.make_snapshot(store, "small")


@pytest.fixture
def both(store, tuned, snapshot) -> list[Run]:
    started = comparing.ensure_evaluations(store, ["starter", f"run:{tuned.id}"], snapshot)
    return [runs.wait(store, run.id) for run in started]


def test_base_and_tuned_side_by_side(store, both, snapshot):
    found = comparing.compare(store, [run.id for run in both])
    assert (found.snapshot, found.split) == (snapshot, "test")
    assert [column.label for column in found.columns] == ["Starter (shipped, tiny)", "tuned"]
    assert [column.headline.exact_calls.successes for column in found.columns] == [2, 4]
    assert [cell.verdict for cell in found.rows[1].cells] == ["malformed", "exact"]
    assert [row.scenario.id for row in found.differing] == [row.scenario.id for row in found.rows if row.differs]
    assert len(found.differing) == 2
    assert found.to_dict(differing=True)["n"] == 4 and len(found.to_dict(differing=True)["rows"]) == 2
    json.dumps(found.to_dict())
    by_tool = comparing.slices(found, "tool")
    assert set(by_tool[0]) == {"ping", "clock", "NO_TOOL"} and sum(one.n for one in by_tool[1].values()) == 4


def test_evaluations_are_made_once(store, both, tuned, snapshot):
    again = comparing.ensure_evaluations(store, [f"run:{tuned.id}", "starter"], snapshot)
    assert [run.id for run in again] == [both[1].id, both[0].id]
    assert {run.id for run in comparing.evaluations(store, snapshot)} == {run.id for run in both}
    other = comparing.ensure_evaluations(store, ["starter"], snapshot, "validation")
    assert other[0].id not in {run.id for run in both}
    runs.wait(store, other[0].id)


def test_an_unknown_model_starts_nothing(store, snapshot):
    with pytest.raises(WorkbenchError, match="no model"):
        comparing.ensure_evaluations(store, ["starter", "no such"], snapshot)
    assert runs.runs(store) == []


def test_export(store, both):
    found = comparing.compare(store, [run.id for run in both])
    rows = list(csv.DictReader(io.StringIO("".join(comparing.export_comparison(found, "csv", differing=True)))))
    assert len(rows) == 2
    assert rows[0]["tuned: verdict"] == "exact"
    assert rows[0]["Starter (shipped, tiny): got"] == "'=stub"
    lines = [json.loads(line) for line in comparing.export_comparison(found, "jsonl")]
    assert len(lines) == 4 and lines[0]["answers"][both[0].id]["verdict"] == "exact"
    with pytest.raises(WorkbenchError, match="xlsx"):
        comparing.export_comparison(found, "xlsx")


def test_only_like_is_compared(store, both, tuned, snapshot):
    first = both[0].id
    validation = runs.wait(store, runs.start_evaluation(store, "starter", snapshot, "validation").id).id
    curate.set_status(store, ["s8"], "rejected")
    newer = runs.wait(store, runs.start_evaluation(store, "starter", runs.make_snapshot(store, "small")).id).id
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
