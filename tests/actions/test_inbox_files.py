"""Logs of decisions into the inbox and out again: redacted, once, with problems by line."""

import json

from tests.served_decisions import record
from workbench.actions import inbox, inbox_files
from workbench.actions.inbox import Filter
from workbench.records import ExpectedCall, Outcome
from workbench.store import Store, traffic

USEFUL = {
    "timestamp": "2026-01-02T03:04:05+00:00",
    "user_message": "reach /home/ann/x",
    "predicted_tool": "clock",
    "predicted_args": {},
    "result_useful": False,
    "actual_tool_needed": "ping",
}
EXAMPLE = {
    "timestamp": "2026-01-02T03:04:05",
    "input": {"user_message": "ping example.org", "tools": ["ping"]},
    "output": {"tool_calls": [{"name": "ping", "arguments": {"host": "example.org"}}], "raw": "[]"},
    "metadata": {"success": True, "latency_ms": 4, "model": "functiongemma"},
}


def lines(*rows: object) -> list[bytes]:
    return [json.dumps(row).encode() + b"\n" for row in rows]


def test_logs_come_in_once_redacted_and_with_problems(store: Store):
    given = [*lines(USEFUL, EXAMPLE), b"\n", b"{oops\n", *lines({"input": {}, "output": {}}), b'"\xff"']
    found = inbox_files.bring(store, given, "log.jsonl")
    assert (found.new, found.known) == (2, 0)
    assert [(one.line, one.field) for one in found.problems] == [(4, ""), (5, "input.user_message"), (6, "")]
    assert inbox_files.bring(store, given, "log.jsonl").known == 2
    bad, good = inbox.entries(store, Filter())
    assert bad.decided.request == "reach /home/[user]/x" and bad.reasons[0] == "bad"
    assert good.decided.calls[0].name == "ping" and good.recorded.model == "functiongemma"
    assert bad.recorded.at == "2026-01-02T03:04:05.000+00:00"


def test_a_time_that_is_none_is_told(store: Store):
    (problem,) = inbox_files.bring(store, lines(EXAMPLE | {"timestamp": "soon"}), "x").problems
    assert problem.field == "timestamp"


def test_what_is_written_comes_in_again(store: Store):
    record(store, "a", "reach example.org", [("ping", {"host": "example.org"})], body={"context": {"os": "linux"}})
    record(store, "b", "hm", malformed="cut")
    record(store, "c", "what is it", [("ping", {"host": "x"})])
    traffic.give_feedback(store, "a", "good", {"comment": "", "expected": None})
    fixed = inbox.draft(store, "c")
    inbox.correct(store, "c", type(fixed)(**{**vars(fixed), "outcome": Outcome((ExpectedCall("clock"),))}))
    examples = [json.loads(line) for line in inbox_files.export(store, "training_data")]
    assert [row["input"]["user_message"] for row in examples] == ["reach example.org", "hm", "what is it"]
    assert examples[0]["metadata"]["os"] == "linux" and examples[1]["metadata"]["success"] is False
    assert [tool["name"] for tool in examples[0]["input"]["tools"]] == ["ping", "clock"]
    said = [json.loads(line) for line in inbox_files.export(store, "outcomes")]
    assert [(row["predicted_tool"], row["result_useful"], row["actual_tool_needed"]) for row in said] == [
        ("ping", True, None),
        ("ping", False, "clock"),
    ]
    again = inbox_files.bring(store, lines(*examples, *said), "again.jsonl")
    assert again.new == 5 and not again.problems
