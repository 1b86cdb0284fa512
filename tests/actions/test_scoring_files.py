"""Files of replies on the command line: one verdict a line, and what cannot be scored says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench import cli
from workbench.dialects import get_dialect
from workbench.records import ToolCall

PLAY = {
    "name": "music.play",
    "description": "Play.",
    "parameters": {
        "type": "dict",
        "properties": {"artist": {"type": "string"}, "minutes": {"type": "integer"}},
        "required": ["artist"],
    },
}
ANSWER = {"music.play": {"artist": ["The Band"], "minutes": [5, ""]}}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def score(capsys: pytest.CaptureFixture[str]):
    """Runs ``score``; gives the verdicts, after a check of the exit status and of what is counted."""

    def score(*arguments: object, counts: str, status: int = 0) -> list[dict[str, Any]]:
        assert cli.main(["score", *map(str, arguments), "--json"]) == status
        out, err = capsys.readouterr()
        assert err.strip() == counts
        return [json.loads(line) for line in out.splitlines()]

    return score


def test_bfcl_files(score, tmp_path):
    ids = ["simple_python_0", "multiple_0", "parallel_0", "odd"]
    questions = write(tmp_path / "q.json", [{"id": id, "question": [], "function": [PLAY]} for id in ids])
    answers = write(
        tmp_path / "a.json", [{"id": id, "ground_truth": [ANSWER] * (1 + (id == "parallel_0"))} for id in ids]
    )
    right = {"artist": "the band."}
    replies = write(
        tmp_path / "r.jsonl",
        [
            {"id": ids[0], "result": [{"music.play": json.dumps(right)}]},
            {"id": ids[0], "result": "[music.play(artist='TheBand', minutes=5)]"},
            {"id": ids[0], "raw": "[music.play(artist='TheBand', minutes=5.0)]"},
            {"id": ids[1], "calls": [{"name": "music.play", "arguments": {**right, "minutes": "5"}}]},
            {"id": ids[2], "calls": [{"name": "music.play", "arguments": right}] * 2},
            {"id": ids[2], "calls": [{"name": "music.play", "arguments": right}]},
            {"id": ids[3], "result": "I do not know."},
        ],
    )
    rows = score("--bfcl", questions, answers, replies, counts="3 right, 4 wrong, 0 not scored")
    assert [row["error_type"] for row in rows] == [
        "",
        "",
        "type_error:simple",
        "type_error:simple",
        "",
        "parallel_function_checker_no_order:wrong_count",
        "ast_decoder:decoder_failed",
    ]
    assert [row["valid"] for row in rows] == [not row["error_type"] for row in rows]
    assert [row["category"] for row in rows[::3]] == ["simple_python", "multiple", "simple"]
    assert rows[-1]["reason"].startswith("the text is no list of calls: invalid syntax")


def test_bfcl_names_with_underscores(score, tmp_path):
    questions = write(tmp_path / "q.json", [{"id": "simple_0", "function": [PLAY]}])
    answers = write(tmp_path / "a.json", [{"id": "simple_0", "ground_truth": [ANSWER]}])
    replies = write(tmp_path / "r.jsonl", [{"id": "simple_0", "result": "music_play(artist='The Band')"}])
    (row,) = score("--bfcl", questions, answers, replies, counts="0 right, 1 wrong, 0 not scored")
    assert row["error_type"] == "simple_function_checker:wrong_func_name"
    score("--bfcl", "--underscores", questions, answers, replies, counts="1 right, 0 wrong, 0 not scored")


def test_irrelevance_has_no_answers_and_bad_lines_are_told(score, tmp_path):
    questions = write(
        tmp_path / "q.json", [{"id": "irrelevance_0", "function": [PLAY]}, {"id": "simple_java_0"}, {"id": "simple_1"}]
    )
    replies = write(
        tmp_path / "r.jsonl",
        [
            {"id": "irrelevance_0", "result": "Sorry."},
            {"id": "irrelevance_0", "result": "[music.play()]"},
            "broken",
            {"id": "nobody", "result": ""},
            {"id": "simple_java_0", "result": ""},
            {"id": "simple_1", "result": ""},
            {"id": "irrelevance_0"},
            {"id": "irrelevance_0", "calls": [5]},
            {"id": "irrelevance_0", "kind": "nonsense"},
            [1],
        ],
    )
    rows = score("--bfcl", questions, replies, counts="1 right, 1 wrong, 8 not scored", status=1)
    assert [row.get("valid") for row in rows[:2]] == [True, False]
    assert [(row["id"], row["line"]) for row in rows[2:5]] == [("", 3), ("nobody", 4), ("simple_java_0", 5)]
    parts = [
        "not usable JSON",
        "is not in q.json",
        "cannot be scored here",
        "no answer to",
        "has no reply",
        "calls[0]",
        "kind",
        "object",
    ]
    for row, part in zip(rows[2:], parts, strict=True):
        assert part in row["problem"]


def test_scenarios_are_scored_strictly_with_bfcls_verdict_beside(score, tmp_path):
    schema = {"type": "object", "properties": {"host": {"type": "string"}}, "required": ["host"]}
    tools = tmp_path / "net.json"
    tools.write_text(
        json.dumps([{"type": "function", "function": {"name": "ping", "description": "", "parameters": schema}}])
    )
    expected = [{"name": "ping", "arguments": {"host": "a.example"}}]
    scenarios = write(
        tmp_path / "s.jsonl",
        [
            {"id": "s1", "request": "Ping it", "expected": expected},
            {"id": "s2", "request": "Hello", "expected": "NO_TOOL"},
        ],
    )
    raw = get_dialect("functiongemma").render_reply([ToolCall("ping", {"host": "a.example"})], "")
    replies = write(
        tmp_path / "r.jsonl",
        [
            {"id": "s1", "raw": raw},
            {"id": "s1", "calls": [{"name": "ping", "arguments": {"host": "aexample"}}]},
            {"scenario_id": "s2", "kind": "text", "raw": "Hi", "text": "Hi"},
            {"id": "s1", "kind": "malformed", "raw": "<", "reason": "cut off"},
            {"id": "s1", "raw": "Sorry"},
        ],
    )
    rows = score(tools, scenarios, replies, counts="2 right, 3 wrong, 0 not scored")
    assert [(row["exact"], row["tool_correct"], row["bfcl"]["valid"]) for row in rows] == [
        (True, True, True),
        (False, True, True),
        (True, True, True),
        (False, False, False),
        (False, False, False),
    ]
    assert rows[1]["error"] == 'host is "aexample", expected "a.example"'
    assert [argument["verdict"] for argument in rows[1]["arguments"]] == ["differs"]
    assert (rows[3]["error"], rows[3]["reason"]) == ("malformed: cut off", "cut off")
    assert rows[4]["error"] == "ping was expected, the reply is NO_TOOL"


def test_files_that_are_missing_are_named(capsys, tmp_path):
    assert cli.main(["score", str(tmp_path / "r.jsonl")]) == 1
    assert "Name TOOLS SCENARIOS REPLIES" in capsys.readouterr().err
    assert cli.main(["score", "--bfcl", str(tmp_path / "q.json"), str(tmp_path / "r.jsonl")]) == 1
    assert "Cannot read" in capsys.readouterr().err
