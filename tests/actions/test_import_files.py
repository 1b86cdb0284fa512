import json
from pathlib import Path

import pytest

from tests.small_workspace import TOOLSET, make_scenario
from workbench.actions import curate, export_files, import_files
from workbench.actions.intake import Wishes
from workbench.errors import WorkbenchError
from workbench.records import Scenario
from workbench.scenarios import exporting
from workbench.scenarios.exporting import SUFFIXES
from workbench.store.scenarios import ScenarioFilter

ALL = ScenarioFilter()
ROWS = (
    {"id": "n1", "request": "ping a", "expected": [{"name": "ping", "arguments": {"host": "a"}}], "status": "approved"},
    {"id": "n2", "request": "fly", "expected": [{"name": "fly", "arguments": {}}], "status": "approved"},
    {"id": "n3", "request": "ping b", "expected": [{"name": "ping", "arguments": {"count": 0}}], "status": "approved"},
    {"id": "n1", "request": "again", "expected": "NO_TOOL"},
    {"id": "n4", "request": "hello", "expected": "NO_TOOL", "toolset": "nowhere"},
)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)) + "\n{broken\n", "utf-8")
    return path


def test_a_preview_changes_nothing(store, mixed):
    report = import_files.preview(store, mixed)
    assert (report.format, report.kind, report.good, report.bad, report.drafts) == ("jsonl", "scenarios", 1, 5, 4)
    places = [(problem.line, problem.field) for problem in report.problems]
    assert places == [
        (2, "expected[0].name"),
        (3, "expected[0].arguments.host"),
        (3, "expected[0].arguments.count"),
        (4, "id"),
        (5, "toolset"),
        (6, ""),
    ]
    assert {problem.file for problem in report.problems} == {"mixed.jsonl"}
    assert curate.count(store, ALL) == 12


def test_good_rows_are_kept_broken_calls_become_drafts(store, mixed):
    report = import_files.import_file(store, mixed)
    assert (report.good, report.bad, report.change) == (1, 5, 2)
    assert curate.get(store, "n1").status == "approved"
    assert [curate.get(store, id_).status for id_ in ("n2", "n3")] == ["draft", "draft"]
    assert [curate.get(store, id_).status for id_ in ("n1-line-4", "n4")] == ["draft", "draft"]
    assert curate.count(store, ALL) == 17
    assert b"".join(import_files.rejects(mixed)).decode().splitlines()[1:] == ["{broken"]
    curate.undo(store)
    assert curate.count(store, ALL) == 12


def test_the_status_can_be_given(store, mixed):
    import_files.import_file(store, mixed, status="rejected")
    assert curate.get(store, "n1").status == "rejected"
    with pytest.raises(WorkbenchError, match="not a status"):
        import_files.import_file(store, mixed, status="fine")


def test_the_report_has_a_limit_but_the_total(store, tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_text('{"request": 1}\n' * 250)
    told = import_files.preview(store, path).to_dict()
    assert (len(told["problems"]), told["problems_total"], told["bad"]) == (100, 250, 250)


@pytest.mark.parametrize("format", ["jsonl", "chat", "csv", "parquet"])
def test_what_is_exported_can_be_imported(store, tmp_path, format):
    path = tmp_path / f"out{SUFFIXES[format]}"
    export_files.export_file(store, ScenarioFilter(split="test"), format, path)
    curate.delete(store, ["s8", "s9", "s10", "s11"])
    report = import_files.import_file(store, path)
    assert (report.format, report.good, report.bad) == (format, 4, 0)
    assert curate.get(store, "s9") == make_scenario(9)


@pytest.mark.parametrize("format", ["jsonl", "chat"])
def test_progress_grows_to_the_end(store, tmp_path, format):
    path, told = tmp_path / "many.jsonl", []
    path.write_text("".join(exporting.write([make_scenario(100 + i) for i in range(1100)], TOOLSET, format)))
    for read in (import_files.preview, import_files.import_file):
        told.clear()
        assert read(store, path, wishes=Wishes(progress=told.append)).good == 1100
        assert told == sorted(told) and len(set(told)) > 1 and 0 < told[0] < told[-1] <= 1
    assert told[-1] == 1


def test_an_export_that_fails_says_why(store, tmp_path):
    for filter, format in ((ScenarioFilter(toolset="x"), "jsonl"), (ALL, "xml")):
        with pytest.raises(WorkbenchError):
            export_files.export(store, filter, format)
    with pytest.raises(WorkbenchError, match="Cannot write"):
        export_files.export_file(store, ALL, "jsonl", tmp_path / "no" / "folder.jsonl")


def test_tools_are_imported_under_a_name(store, tmp_path):
    path = tmp_path / "lamps.json"
    path.write_text(json.dumps([tool.to_dict() for tool in TOOLSET.tools]))
    report = import_files.import_file(store, path)
    assert (report.kind, report.good, report.bad, report.toolset) == ("tools", 2, 0, "lamps")
    assert curate.toolset(store, "lamps").tool_names == ("ping", "clock")
    import_files.import_file(store, path, toolset="lights", name="../../etc/passwd.json")
    assert curate.toolset(store, "lights")


def test_tools_with_a_problem_are_all_left_out(store, tmp_path):
    path = tmp_path / "lamps.json"
    bad = {"name": "9lives", "description": "", "parameters": {"type": "object", "properties": {}, "required": ["x"]}}
    path.write_text(json.dumps([TOOLSET.tools[0].to_dict(), bad]))
    report = import_files.import_file(store, path)
    assert (report.good, report.bad) == (1, 1)
    assert [problem.field for problem in report.problems] == ["tools[1].name", "tools[1].parameters.required"]
    path.write_text('[{"name": 3}]')
    assert import_files.preview(store, path).problems[0].field == "tools[0].name"
    with pytest.raises(WorkbenchError, match="no toolset 'lamps'"):
        curate.toolset(store, "lamps")


def test_a_chat_file_brings_its_tools_to_a_new_toolset(store, tmp_path):
    path = tmp_path / "chat.jsonl"
    lines = [json.loads(line) for line in export_files.export(store, ALL, "chat")]
    for line in lines:
        del line["toolset"]
        line["id"] = f"chat-{line['id']}"
    path.write_text("\n".join(map(json.dumps, lines)))
    assert import_files.preview(store, path, "fresh").good == 12
    assert [toolset.name for toolset in curate.toolsets(store)] == ["small"]
    assert import_files.import_file(store, path, "fresh").good == 12
    assert curate.toolset(store, "fresh").tool_names == ("ping", "clock")
    assert curate.count(store, ScenarioFilter(toolset="fresh")) == 12


def test_a_file_that_is_nothing_known(store, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(WorkbenchError, match="no format"):
        import_files.preview(store, path)
    with pytest.raises(WorkbenchError, match="Cannot read"):
        import_files.preview(store, tmp_path / "absent.csv")


def test_ids_of_the_store_become_revisions(store, tmp_path):
    path = tmp_path / "edit.jsonl"
    changed = make_scenario(1, request="tell me the time")
    path.write_text(json.dumps(changed.to_dict()))
    import_files.import_file(store, path, author="ada")
    assert Scenario.from_dict(changed.to_dict()) == curate.get(store, "s1")
    assert [revision.kind for revision in curate.history(store, "s1")] == ["import", "import"]
