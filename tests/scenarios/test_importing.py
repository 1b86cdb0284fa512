"""Readers: good rows are kept, bad ones reported by line and field, and no file brings them down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scenarios.strategies import JSON
from workbench.errors import Problem, WorkbenchError
from workbench.records import ExpectedCall, Outcome, RecordError, Scenario, Tool, ToolCall, Toolset, Turn
from workbench.scenarios.importing import READERS, Source, detect, kind_of, read, read_rows, read_toolset, rejected

TOOL = Tool("look", "", {"type": "object", "properties": {"n": {"type": "integer"}}})
DESK = Toolset("desk", (TOOL,))
GOOD = {"id": "a", "toolset": "desk", "request": "hi", "expected": "NO_TOOL"}
CALL = [{"name": "look", "arguments": {"n": 1}}]


def write_lines(folder: Path, *rows: object, name: str = "in.jsonl") -> Path:
    path = folder / name
    lines = [row if isinstance(row, (str, bytes)) else json.dumps(row) for row in rows]
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\n")
    return path


def problems(path: Path, **options: object) -> list[Problem]:
    return [item for item in read(path, **options) if isinstance(item, Problem)]  # type: ignore[arg-type]


def scenarios(path: Path, **options: object) -> list[Scenario]:
    return [item for item in read(path, **options) if isinstance(item, Scenario)]  # type: ignore[arg-type]


# Own JSONL


def test_good_rows_are_kept_among_bad_ones(tmp_path: Path) -> None:
    path = write_lines(tmp_path, GOOD, "{broken", "", {**GOOD, "id": "b", "request": 5}, {**GOOD, "id": "c"})
    assert [scenario.id for scenario in scenarios(path)] == ["a", "c"]
    assert [(p.line, p.field, p.file) for p in problems(path)] == [(2, "", "in.jsonl"), (4, "request", "in.jsonl")]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"a": 1,', "not valid JSON"),
        ("[1]", "must be an object"),
        ("5", "must be an object"),
        ('{"id": "a", "id": "b"}', "'id' stands twice"),
        ('{"request": NaN}', "NaN is not a JSON number"),
        ('{"request": 1e999}', "too large"),
        (r'{"request": "\ud800"}', "half of a character"),
        ("[" * 100 + "]" * 100, "nested too deeply"),
        ("[" * 200_000, "nested too deeply"),
        ("9" * 5000, "not usable JSON"),
        (b'{"request": "caf\xe9"}', "not UTF-8 text (byte 17"),
        ({**GOOD, "os_name": "x"}, "not a known field"),
        ({**GOOD, "expected": []}, "the list of calls is empty"),
        ({**GOOD, "expected": [{"name": "look", "arguments": []}]}, "must be an object"),
        ({**GOOD, "status": "great"}, "must be one of draft, approved, rejected"),
    ],
)
def test_each_bad_line_is_explained(tmp_path: Path, line: object, words: str) -> None:
    path = write_lines(tmp_path, {**GOOD, "id": "first"}, line)
    (problem,) = problems(path)
    assert problem.line == 2 and words in problem.message


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = write_lines(tmp_path, b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert [scenario.id for scenario in scenarios(path)] == ["a"]


def test_duplicate_ids_name_the_first_line(tmp_path: Path) -> None:
    path = write_lines(tmp_path, GOOD, {**GOOD, "id": "b"}, {**GOOD, "request": "again"})
    (problem,) = problems(path)
    assert (problem.line, problem.field) == (3, "id")
    assert "line 1" in problem.message
    assert [scenario.id for scenario in scenarios(path)] == ["a", "b", "a-line-3"]


def test_rows_without_id_or_toolset_get_both_and_always_the_same(tmp_path: Path) -> None:
    path = write_lines(tmp_path, {"request": "hi", "expected": "NO_TOOL"})
    first, second = scenarios(path, toolset_name="desk"), scenarios(path, toolset_name="desk")
    assert first == second and first[0].toolset == "desk" and first[0].id.startswith("s-")
    (problem,) = problems(path)
    assert problem.field == "toolset"


def test_line_separators_inside_text_do_not_split_a_line(tmp_path: Path) -> None:
    path = write_lines(tmp_path, json.dumps({**GOOD, "request": "a\u2028b\x85c"}, ensure_ascii=False))
    assert detect(path) == "jsonl"
    assert scenarios(path)[0].request == "a\u2028b\x85c"


def test_scenarios_are_checked_against_their_toolset_where_asked(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path,
        {**GOOD, "expected": CALL},
        {
            **GOOD,
            "id": "b",
            "expected": [{"name": "loook", "arguments": {}}, {"name": "look", "arguments": {"n": "1"}}],
        },
        {**GOOD, "id": "c", "toolset": "other"},
    )
    found = problems(path, toolset_of={"desk": DESK}.get)
    assert [(p.line, p.field) for p in found] == [
        (2, "expected[0].name"),
        (2, "expected[1].arguments.n"),
        (3, "toolset"),
    ]
    assert [s.id for s in scenarios(path, toolset_of={"desk": DESK}.get)] == ["a"]


def test_rows_carry_their_line(tmp_path: Path) -> None:
    path = write_lines(tmp_path, GOOD, "", {**GOOD, "id": "b"})
    assert [row.line for row in read_rows(Source(path))] == [1, 3]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(JSON | st.fixed_dictionaries({k: JSON for k in GOOD}) | st.just(GOOD), max_size=4))
def test_no_json_brings_a_reader_down(tmp_path: Path, rows: list[object]) -> None:
    path = write_lines(tmp_path, *rows)
    for format in READERS:
        assert all(isinstance(item, (Scenario, Problem)) for item in read(path, format=format))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text('request,expected\n"{}[]:', max_size=60).map(str.encode))
def test_no_bytes_bring_a_reader_down(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "in.bin"
    path.write_bytes(b"request,expected\n" + content)
    for format in READERS:
        assert all(isinstance(item, (Scenario, Problem)) for item in read(path, format=format))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    messages=st.lists(
        JSON
        | st.fixed_dictionaries(
            {"role": st.sampled_from(["system", "user", "assistant", "tool", "alien"]) | JSON},
            optional={key: JSON for key in ("content", "tool_calls", "function_call", "name", "tool_call_id")},
        ),
        max_size=4,
    )
)
def test_no_conversation_brings_the_chat_reader_down(tmp_path: Path, messages: list[object]) -> None:
    path = write_lines(tmp_path, {"messages": messages, "tools": messages})
    assert all(isinstance(item, (Scenario, Problem)) for item in read(path, "desk", "chat"))


# Chat JSONL


def user(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


def calling(*calls: object) -> dict[str, object]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


@pytest.mark.parametrize(
    "call",
    [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"n": 1}'}},
        {"type": "function", "function": {"name": "look", "arguments": {"n": 1}}},
        {"name": "look", "arguments": {"n": 1}},
    ],
)
def test_calls_in_every_shape(tmp_path: Path, call: object) -> None:
    path = write_lines(tmp_path, {"messages": [user("look"), calling(call)], "tools": []})
    assert detect(path) in ("chat", "openai")
    (scenario,) = scenarios(path, toolset_name="desk")
    assert scenario.outcome == Outcome((ExpectedCall("look", {"n": 1}),))
    assert scenario.request == "look" and scenario.toolset == "desk"


def test_earlier_turns_are_history_and_system_is_dropped(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    path = write_lines(
        tmp_path,
        {
            "messages": [
                {"role": "developer", "content": "You are a router."},
                user("look"),
                calling(call),
                {"role": "tool", "tool_call_id": "c1", "content": '{"seen": 2}'},
                {"role": "assistant", "content": "Two."},
                user("thanks"),
                {"role": "assistant", "content": [{"type": "text", "text": "You are welcome."}]},
            ]
        },
    )
    (scenario,) = scenarios(path, toolset_name="desk")
    assert scenario.history == (
        Turn("user", "look"),
        Turn("assistant", calls=(ToolCall("look"),)),
        Turn("tool", name="look", result={"seen": 2}),
        Turn("assistant", "Two."),
    )
    assert scenario.outcome.is_no_tool


def test_the_answer_may_be_followed_by_its_result(tmp_path: Path) -> None:
    messages = [user("look"), calling(*CALL), {"role": "tool", "name": "look", "content": "2"}]
    path = write_lines(tmp_path, {"messages": [*messages, {"role": "assistant", "content": "Two."}]})
    assert scenarios(path, toolset_name="desk")[0].outcome.label == "look"


@pytest.mark.parametrize(
    ("messages", "field", "words"),
    [
        ("hello", "messages", "must be a list"),
        ([], "messages", "no user message"),
        ([{"role": "alien", "content": "x"}], "messages[0]", "known role"),
        ([user("look")], "messages", "no assistant message"),
        ([user("look"), {"role": "assistant", "content": " "}], "messages[1]", "neither calls a tool nor says"),
        ([user("look"), calling(*CALL), calling(*CALL)], "messages[2]", "more than one step"),
        ([user("look"), calling({"name": ""})], "messages[1].tool_calls[0]", "not a call with a name"),
        ([user("look"), calling({"name": "look", "arguments": "{"})], "messages[1].tool_calls[0].arguments", "JSON"),
        ([user("look"), calling({"name": "look", "arguments": [1]})], "messages[1].tool_calls[0].arguments", "object"),
        ([{"role": "user", "content": [{"type": "image"}]}, calling(*CALL)], "messages[0].content", "must be text"),
    ],
)
def test_each_bad_conversation_is_explained(tmp_path: Path, messages: object, field: str, words: str) -> None:
    path = write_lines(tmp_path, {"messages": messages, "tools": []})
    (problem,) = problems(path, toolset_name="desk")
    assert (problem.line, problem.field) == (1, field)
    assert words in problem.message


def test_tools_of_a_chat_file_become_one_toolset(tmp_path: Path) -> None:
    other = Tool("go", "", {"type": "object", "properties": {}})
    row = {"messages": [user("x"), {"role": "assistant", "content": "y"}]}
    path = write_lines(
        tmp_path, {**row, "tools": [TOOL.to_dict()]}, {**row, "tools": json.dumps([TOOL.to_dict(), other.to_dict()])}
    )
    assert read_toolset(path, "mine") == Toolset("mine", (TOOL, other))
    bare = write_lines(tmp_path, row, name="bare.jsonl")
    with pytest.raises(WorkbenchError, match="declares no tools"):
        read_toolset(bare)


# CSV


def test_csv_as_people_write_it(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(
        '\ufeffRequest;Expected;Tags;Ordered\r\n"two\nlines";NO_TOOL;quick; one;\r\n'.replace(
            "quick; one", '"quick; one"'
        )
        + '=1+1;"[{""name"": ""look"", ""arguments"": {""n"": 1}}]";;yes\r\n',
        encoding="utf-8",
        newline="",
    )
    first, second = scenarios(path, toolset_name="desk")
    assert first.request == "two\nlines" and first.tags == ("quick", "one") and first.outcome.is_no_tool
    assert second.request == "=1+1" and second.outcome.ordered and second.outcome.calls[0].arguments == {"n": 1}
    assert [row.line for row in read_rows(Source(path, "desk"))] == [1, 2, 4]


@pytest.mark.parametrize(
    ("content", "line", "field", "words"),
    [
        (b"id,request\na,b\n", 1, "expected", "column is missing"),
        (b"request,expected,request\n", 1, "request", "stands twice"),
        (b"request,expected,colour\nhi,NO_TOOL,red\n", 1, "colour", "passed over"),
        (b"request,expected\nhi\n", 2, "", "has 1 cells, the header has 2"),
        (b'request,expected\n"hi,NO_TOOL\n', 2, "", "not valid CSV"),
        (b"request,expected\nhi,\n", 2, "expected", "is missing"),
        (b"request,expected\nhi,look\n", 2, "expected", "not valid JSON"),
        (b"request,expected\ncaf\xe9,NO_TOOL\n", 2, "request", "not UTF-8"),
        (b"request,expected,ordered\nhi,NO_TOOL,maybe\n", 2, "ordered", "true or false"),
        (b"request,expected,tags\nhi,NO_TOOL,[a\n", 2, "tags", "not a list"),
    ],
)
def test_each_bad_csv_is_explained(tmp_path: Path, content: bytes, line: int, field: str, words: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    (problem,) = problems(path, toolset_name="desk")
    assert (problem.line, problem.field) == (line, field)
    assert words in problem.message


# Detecting and tools


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.json", json.dumps([TOOL.to_dict()]), "tools"),
        ("a.json", json.dumps(DESK.to_dict(), indent=2), "tools"),
        ("a.json", json.dumps(TOOL.to_dict(), indent=2), "tools"),
        ("a.jsonl", json.dumps(GOOD), "jsonl"),
        ("a.txt", "{broken\n" + json.dumps(GOOD), "jsonl"),
        ("a.jsonl", "nothing but noise", "jsonl"),
        ("a.txt", "id,request,expected\n", "csv"),
        ("a.csv", "what,ever\n", "csv"),
    ],
)
def test_detect(tmp_path: Path, name: str, content: str, format: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert detect(tmp_path / name) == format
    assert kind_of(format) == ("tools" if format == "tools" else "scenarios")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b" \n", "is empty"), (b"\x89PNG\r\n", "no format"), (b"\x1f\x8b\x08", "compressed"), (None, "Cannot read")],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "in.bin"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WorkbenchError, match=words):
        detect(path)


def test_tools_files(tmp_path: Path) -> None:
    path = tmp_path / "my_tools.json"
    path.write_text(json.dumps([TOOL.to_dict()]))
    assert read_toolset(path) == Toolset("my_tools", (TOOL,))
    assert read_toolset(path, "desk") == DESK
    path.write_text(json.dumps(DESK.to_dict()))
    assert read_toolset(path, "ignored") == DESK
    with pytest.raises(WorkbenchError, match="holds no scenarios"):
        read(path)
    path.write_text('[{"name": "x"}, {"name": 5}]')
    with pytest.raises(RecordError) as caught:
        read_toolset(path)
    assert caught.value.path == "toolset.tools[1].name"
    with pytest.raises(WorkbenchError, match="declares no tools"):
        read_toolset(write_lines(tmp_path, GOOD))


# Rejects


def test_rejects_of_jsonl_are_the_raw_lines(tmp_path: Path) -> None:
    path = write_lines(tmp_path, GOOD, "{broken", {**GOOD, "id": "c"}, b"\xff")
    assert b"".join(rejected(path)).decode().splitlines() == [
        "# line 2: is not valid JSON: Expecting property name enclosed in double quotes at character 2",
        "{broken",
        "# line 4: is not UTF-8 text (byte 1 of the line) Save the file as UTF-8.",
        r"\udcff",
    ]


def test_rejects_of_csv_keep_header_and_whole_records(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b'request,expected\nhi,NO_TOOL\n"two\nlines\rthree",bad\nyo,NO_TOOL\nlast,bad\n')
    found = b"".join(rejected(path, source=Source(path, "desk"))).decode()
    assert [line for line in found.split("\n") if not line.startswith("# line ")] == [
        "request,expected",
        '"two',
        'lines\rthree",bad',
        "last,bad",
        "",
    ]
    again = tmp_path / "again.csv"
    again.write_text(found.replace("bad", "NO_TOOL"), newline="")
    assert [scenario.request for scenario in scenarios(again, toolset_name="desk")] == ["two\nlines\rthree", "last"]
