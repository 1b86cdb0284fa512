"""Files of other programs: what they say arrives, and what they lack is told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from workbench.errors import Problem, WorkbenchError
from workbench.records import ExpectedCall, Outcome, Scenario, Turn
from workbench.scenarios.importing import Row, Source, detect, read_prompt, read_rows, read_toolset


def rows(folder: Path, content: object, name: str = "in.json", **options: object) -> list[Row]:
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(content if isinstance(content, bytes) else str(content).encode())
    return list(read_rows(Source(path, "desk", **options)))  # type: ignore[arg-type]


def lines(*values: object) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def scenarios(found: list[Row]) -> list[Scenario]:
    return [row.item for row in found if isinstance(row.item, Scenario)]


def notes(found: list[Row]) -> list[Problem]:
    return [problem for row in found for problem in (*row.problems, row.item) if isinstance(problem, Problem)]


PCAI = """{
  "scenarios": [
    {"mode": "diagnose", "user_content": "Tune it.", "tool_name": "tune", "tool_arguments": {"gpu": 0.6}},
    {"mode": "chat", "user_content": "What is it?",
     "assistant_content": "NO_TOOL"},
    {"mode": "multi_tool", "user_content": "Both.", "tool_sequence": ["disk", "usb"]},
    {"mode": "chat", "user_content": "Odd.", "tool_name": "tune", "tool_arguments": {"gpu": NaN}},
    {"mode": "chat", "user_content": "Nothing to do."}
  ]
}"""


def test_pcai_scenarios(tmp_path: Path) -> None:
    found = rows(tmp_path, PCAI)
    tuned, none, several = scenarios(found)
    assert tuned.outcome == Outcome((ExpectedCall("tune", {"gpu": 0.6}),)) and tuned.mode == "diagnose"
    assert none.outcome.is_no_tool
    assert several.outcome.label == "disk + usb" and several.outcome.ordered and several.tags == ("no-arguments",)
    assert [(note.line, note.field) for note in notes(found)] == [(6, "tool_sequence"), (7, ""), (8, "tool_name")]
    assert rows(tmp_path, lines(json.loads(PCAI.replace("NaN", "1"))["scenarios"][0]))[0].item == tuned


def test_pcai_vectors(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, '[\n{"tool": "look", "arguments": {"n": 1}}\n]')
    assert isinstance(row.item, Scenario) and row.line == 2
    assert row.item.request == 'Use look with {"n": 1}' and "no-request" in row.item.tags and row.problems


@pytest.mark.parametrize("arguments", ['{\n "n": 1, "t": "a:b"}', "{n:1,t:<escape>a:b<escape>}"])
def test_caro_examples(tmp_path: Path, arguments: str) -> None:
    reply = f"<think>\nwhy\n</think>\n<start_function_call>call:look{arguments}<end_function_call>"
    context = {"os": "ubuntu", "shell": "zsh", "user_preferences": {"network_enabled": False}}
    turns = [
        {"role": "developer", "content": "x"},
        {"role": "user", "content": "y"},
        {"role": "model", "content": reply},
    ]
    example = {"id": "001", "context": context, "user_query": "look", "conversation": turns}
    (scenario,) = scenarios(rows(tmp_path, json.dumps({"metadata": {}, "examples": [example]}, indent=1)))
    assert scenario == Scenario(
        "caro-001",
        "desk",
        "look",
        Outcome((ExpectedCall("look", {"n": 1, "t": "a:b"}),)),
        os="linux",
        shell="zsh",
        tags=("preference:network_enabled=false", "os:ubuntu"),
        reasoning="why",
    )


def test_openhoof(tmp_path: Path) -> None:
    call = {"name": "scan", "arguments": {"zone": "a"}}
    row = {
        "input": {"user_message": "scan a", "zoom": 2},
        "output": {"tool_calls": [call]},
        "metadata": {"os": "linux"},
    }
    router = {"messages": [{"role": "user", "content": "scan a"}], "tool_call": call, "timestamp": 1}
    (scenario,) = scenarios(rows(tmp_path, lines(row)))
    assert (
        scenario.outcome.calls[0].arguments == {"zone": "a"} and scenario.os == "linux" and scenario.tags == ("zoom:2",)
    )
    (captured,) = scenarios(rows(tmp_path, lines(router)))
    assert captured.outcome == scenario.outcome


def test_chat_takes_reasoning_from_the_text_and_the_first_of_several_steps(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": {}}}
    step = {"role": "assistant", "content": "<think>\nhm\n</think>\n", "tool_calls": [call]}
    result = {"role": "tool", "name": "look", "content": '{"seen": 1}'}
    found = rows(tmp_path, lines({"messages": [{"role": "user", "content": "x"}, step, result, step]}), "a.jsonl")
    (scenario,) = scenarios(found)
    assert scenario.reasoning == "hm" and scenario.outcome.label == "look"
    assert [note.field for note in notes(found)] == ["messages[3]"]
    (alone,) = scenarios(rows(tmp_path, lines({"messages": [step, result]}), "b.jsonl"))
    assert "no-request" in alone.tags and alone.outcome.label == "look"
    earlier = [{"role": "user", "content": "x"}, step, result, {"role": "user", "content": "y"}, step]
    (last,) = scenarios(rows(tmp_path, lines({"messages": earlier}), "c.jsonl"))
    assert last.history[2] == Turn("tool", name="look", result={"seen": 1})


def question(id_: str, **properties: object) -> dict[str, object]:
    parameters = {"type": "dict", "properties": properties, "required": []}
    asked = [[{"role": "user", "content": f"Do {id_}"}]]
    return {"id": id_, "question": asked, "function": [{"name": "f.g", "description": "", "parameters": parameters}]}


def test_bfcl(tmp_path: Path) -> None:
    simple = question("simple_0", x={"type": "float"}, o={"type": "dict", "properties": {"k": {"type": "tuple"}}})
    truth = {"f.g": {"x": [1.5, 2, ""], "o": [{"k": [[1], [2]], "z": ["", 3]}], "absent": [""]}}
    (tmp_path / "possible_answer").mkdir()
    (tmp_path / "possible_answer" / "in.json").write_text(lines({"id": "simple_0", "ground_truth": [truth]}))
    found = rows(tmp_path, lines(simple, question("irrelevance_1"), question("lost_2")))
    first, none, lost = scenarios(found)
    assert first.outcome.calls[0] == ExpectedCall(
        "f.g",
        {"x": 1.5, "o": {"k": [1], "z": 3}},
        {"x": (2,), "o": ({"k": [1]}, {"k": [2], "z": 3}, {"k": [2]})},
        frozenset({"x"}),
    )
    (tool,) = found[0].tools or ()
    assert tool.parameters["type"] == "object" and tool.properties["x"] == {"type": "number"}
    assert tool.properties["o"]["properties"] == {"k": {"type": "array"}}
    assert none.outcome.is_no_tool and not found[1].problems
    assert lost.tags == ("no-answer",) and "no answer" in found[2].problems[0].message
    assert detect(tmp_path / "possible_answer" / "in.json") == "bfcl-answers"


@pytest.mark.parametrize("header", ["", "User Prompt,Tool Name,Tool Arguments\n"])
def test_tuning_lab(tmp_path: Path, header: str) -> None:
    content = header + '"Weather, please?", "weather", "{""city"": ""Bonn""}"\nx,weather,{broken\n'
    found = rows(tmp_path, content, "in.csv")
    assert scenarios(found)[0].outcome.calls[0].arguments == {"city": "Bonn"}
    assert [(note.line, note.field) for note in notes(found)] == [(2 + bool(header), "tool.arguments")]


def test_columns_are_guessed_or_given(tmp_path: Path) -> None:
    content = 'Frage,Function,Args\nhi,NO_TOOL,\nlook,look,"{""n"": 1}"\n'
    assert notes(rows(tmp_path, content, "in.csv"))[0].field == "request"
    found = rows(tmp_path, content, "in.csv", columns={"request": "Frage"})
    assert [scenario.outcome.label for scenario in scenarios(found)] == ["NO_TOOL", "look"]
    (wrong,) = notes(rows(tmp_path, content, "in.csv", columns={"request": "frage", "os": "System"}))
    assert "no column 'System'" in wrong.message
    table = lines({"prompt": "look", "tool": "look", "args": {"n": 1}, "extra": 1})
    assert scenarios(rows(tmp_path, table, "in.jsonl"))[0].outcome.calls[0].arguments == {"n": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings(tmp_path: Path, encoding: str, end: str) -> None:
    row = {"id": "a", "request": "grüße", "expected": "NO_TOOL"}
    text = f"{json.dumps(row, ensure_ascii=False)}{end}{json.dumps({**row, 'id': 'b'}, ensure_ascii=False)}{end}"
    assert [one.request for one in scenarios(rows(tmp_path, text.encode(encoding)))] == ["grüße", "grüße"]
    assert len(scenarios(rows(tmp_path, PCAI.replace("\n", end).encode(encoding), "doc.json"))) == 3
    assert scenarios(rows(tmp_path, f"request,expected{end}grüße,NO_TOOL{end}".encode(encoding), "in.csv"))


def test_compressed_files_are_never_unpacked(tmp_path: Path) -> None:
    for content in (gzip.compress(b"0" * 1000), b"PK\x03\x04", b"\x28\xb5\x2f\xfd"):
        with pytest.raises(WorkbenchError, match=r"compressed .* Unpack it first"):
            rows(tmp_path, content)


def test_endless_lines_and_broken_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("files", "rows"):
        monkeypatch.setattr(f"workbench.scenarios.importing.{module}.MAX_LINE", 100)
    good = {"id": "a", "request": "x", "expected": "NO_TOOL"}
    found = rows(tmp_path, lines({**good, "request": "y" * 500}, good), "in.jsonl")
    assert [(note.line, "longer than" in note.message) for note in notes(found)] == [(1, True)]
    assert [(scenario.id, found[1].line) for scenario in scenarios(found)] == [("a", 2)]
    (broken,) = rows(tmp_path, PCAI.replace('"chat", "user_content": "Odd."', '"chat" "user_content": "Odd."'))
    assert (
        isinstance(broken.item, Problem) and broken.line == 7 and "at character 21 of the line" in broken.item.message
    )


def test_tools_with_a_mark_and_extra_keys(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "look", "description": ""}, "pcai_mapping": {"module": "x"}}
    path = tmp_path / "tools.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"tools": [tool]}, indent="\t").encode())
    assert detect(path) == "tools"
    assert read_toolset(path).tools[0].extra == {"pcai_mapping": {"module": "x"}}


@pytest.mark.parametrize(("name", "mode"), [("router_chat_prompt.md", "chat"), ("prompt.md", "default")])
def test_prompts(tmp_path: Path, name: str, mode: str) -> None:
    (tmp_path / name).write_text("# Prompt\nBe brief.\n")
    assert detect(tmp_path / name) == "prompt"
    assert read_prompt(tmp_path / name) == (mode, "# Prompt\nBe brief.")
