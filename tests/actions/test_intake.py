"""Which toolset rows come into, what is kept, and that a damaged file never comes in by halves."""

import json
from pathlib import Path

import pytest

from benchmarks.fuzz_import import fuzz, samples
from tests.small_workspace import PING, TOOLSET, make_scenario
from workbench.actions import curate, export_files, import_files
from workbench.actions.intake import Wishes
from workbench.actions.verbs import Verbs
from workbench.errors import WorkbenchError
from workbench.records import Toolset
from workbench.store import snapshots, toolsets
from workbench.store.scenarios import ScenarioFilter

ALL = ScenarioFilter()


def write(path: Path, *rows: object) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def question(number: int, kind: str) -> dict[str, object]:
    tool = {"name": "f", "description": kind, "parameters": {"type": "dict", "properties": {"x": {"type": kind}}}}
    other = {"name": f"g{number}", "description": "", "parameters": {"type": "dict", "properties": {}}}
    return {"id": f"q_{number}", "question": [[{"role": "user", "content": "go"}]], "function": [tool, other]}


def test_rows_with_tools_of_their_own_keep_them(store, tmp_path):
    rows = [question(0, "float"), question(1, "string"), question(2, "float")]
    answers = [{"id": f"q_{n}", "ground_truth": [{f"g{n}": {}}]} for n in range(3)]
    path = write(tmp_path / "ask.json", *rows)
    write(tmp_path / "possible_answer" / "ask.json", *answers)
    report = import_files.import_file(store, path)
    assert (report.good, report.bad, report.toolsets) == (3, 0, ("ask", "ask-2"))
    assert curate.toolset(store, "ask").tool_names == ("f", "g0", "g2")
    offered = [(one.toolset, one.tools) for one in (curate.get(store, f"q_{n}") for n in range(3))]
    assert offered == [("ask", ("f", "g0")), ("ask-2", ()), ("ask", ("f", "g2"))]
    assert [tool.name for tool in curate.toolset(store, "ask").offered(curate.get(store, "q_2"))] == ["f", "g2"]
    again = import_files.preview(store, path)
    assert (again.toolsets, again.compared.same, again.good) == ((), 3, 3)


def test_questions_and_answers_chosen_together(store, tmp_path):
    asked = write(tmp_path / "a" / "ask.json", question(0, "float"))
    answers = write(tmp_path / "b" / "answers.json", {"id": "q_0", "ground_truth": [{"f": {"x": [1.5]}}]})
    reports = Verbs(store).import_files([answers, asked], dry_run=True)
    assert [(one["kind"], one["good"], one["bad"]) for one in reports] == [("answers", 1, 0), ("scenarios", 1, 0)]
    assert import_files.preview(store, answers).problems[0].hint.startswith("Choose the file of questions")
    assert import_files.preview(store, asked).drafts == 1


def test_tools_among_the_files_count_in_a_dry_run(store, tmp_path):
    tools = tmp_path / "z.json"
    tools.write_text(json.dumps([{**PING.to_dict()["function"], "name": "echo"}]))
    rows = write(tmp_path / "a.json", {"user_content": "x", "tool_name": "echo", "tool_arguments": {"host": "a"}})
    alone, together = (
        Verbs(store).import_files([rows], dry_run=True),
        Verbs(store).import_files([rows, tools], dry_run=True),
    )
    assert (alone[0]["good"], alone[0]["drafts"]) == (0, 1)
    assert [(one["kind"], one["good"]) for one in together] == [("scenarios", 1), ("tools", 1)]
    assert [one.name for one in curate.toolsets(store)] == ["small"]
    unread = Verbs(store).import_files([rows, tmp_path / "absent"], dry_run=True)[1]
    assert (unread["kind"], unread["bad"]) == ("unknown", 1)


def test_rows_go_where_their_tools_are(store, tmp_path):
    toolsets.save_toolset(store, Toolset("other", (PING,)), "test")
    toolsets.save_toolset(store, Toolset("desktop", ()), "test")
    path = write(
        tmp_path / "a.json", {"user_content": "x", "tool_name": "clock"}, {"user_content": "y", "tool_name": "fly"}
    )
    report = import_files.import_file(store, path)
    assert (report.good, report.drafts) == (1, 1)
    (draft,) = curate.find(store, ScenarioFilter(toolset="small", text="y", status="draft"))
    assert draft.source == "import:a.json" and curate.problems_of(store, draft)


def test_what_is_there_is_compared_and_may_be_kept(store, tmp_path):
    changed = make_scenario(1, request="tell the time")
    path = write(tmp_path / "a.jsonl", make_scenario(0).to_dict(), changed.to_dict(), make_scenario(20).to_dict())
    report = import_files.preview(store, path)
    assert (report.compared.new, report.compared.same, report.compared.changed_ids) == (1, 1, ("s1",))
    assert import_files.import_file(store, path, conflicts="keep").change
    assert curate.get(store, "s1") == make_scenario(1) and curate.get(store, "s20")
    assert import_files.import_file(store, path).change and curate.get(store, "s1") == changed
    assert import_files.import_file(store, path).change == 0
    with pytest.raises(WorkbenchError, match="conflicts"):
        import_files.import_file(store, path, conflicts="burn")


def test_a_prompt_becomes_that_of_its_mode(store, tmp_path):
    path = tmp_path / "router_chat_prompt.md"
    path.write_text("Be brief.")
    assert import_files.preview(store, path).problems
    with pytest.raises(WorkbenchError, match="system prompt"):
        import_files.import_file(store, path)
    import_files.import_file(store, path, "small")
    assert curate.toolset(store, "small").profile.system_for("chat") == "Be brief."
    assert curate.toolset(store, "small").profile.system_for("act") == TOOLSET.profile.system_for("act")


def test_a_snapshot_can_be_exported(store, tmp_path):
    hash = snapshots.create(store, "small")
    curate.delete(store, ["s8"])
    rows = [json.loads(line) for line in export_files.export(store, ScenarioFilter(split="test"), "jsonl", hash)]
    assert [row["id"] for row in rows] == ["s10", "s11", "s8", "s9"] and {row["split"] for row in rows} == {"test"}
    with pytest.raises(WorkbenchError, match="split"):
        export_files.export(store, ScenarioFilter(os="linux"), "jsonl", hash)


def test_formats_and_columns_can_be_given(store, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("frage,werkzeug\nwie spät?,clock\n")
    report = import_files.preview(store, path, wishes=Wishes("csv", columns={"request": "frage", "tool": "werkzeug"}))
    assert (report.good, report.columns, report.filled["tool"]) == (1, ("frage", "werkzeug"), "werkzeug")
    with pytest.raises(WorkbenchError, match="not a format"):
        import_files.preview(store, path, wishes=Wishes("xlsx"))


def test_damaged_files_never_come_in_by_halves(store, tmp_path):
    """A small part of what ``benchmarks/fuzz_import.py`` does."""
    assert len(list(fuzz(samples(tmp_path), 300, 7, tmp_path, store))) == 300
    assert curate.count(store, ALL) == 12
