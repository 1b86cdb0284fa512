"""Evaluation runs of what is no torch model: endpoints that answer well and badly, and the baseline."""

import dataclasses
import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.chat_server import KEY, ChatServer, completion, drip, send, send_json, serve
from workbench.evaluation.job import EXAMPLES, Service, told
from workbench.evaluation.worker import evaluate
from workbench.inference.endpoint import Endpoint
from workbench.jobs.local import launch
from workbench.jobs.watch import observe
from workbench.records import ExpectedCall, Model, Outcome, Reply, Scenario, Tool, ToolCall, Toolset
from workbench.runfolder import RunFolder, append_rows, read_rows, write_json
from workbench.runfolder.reporting import Ending, Reporter
from workbench.runfolder.status import RunStatus

TOOLSET = Toolset("net", (Tool("ping", "Test.", {"type": "object", "properties": {"host": {"type": "string"}}}),))


def scenario(id: str, request: str) -> Scenario:
    host = request.split()[-1]
    return Scenario(id, "net", request, Outcome((ExpectedCall("ping", {"host": host}),)))


def make_folder(path: Path, requests: list[str], model: Model, endpoint: Endpoint | None = None, **prices) -> RunFolder:
    path.mkdir()
    folder = RunFolder(path)
    config = {
        "run_id": path.name,
        "kind": "evaluate",
        "model": dataclasses.asdict(model),
        "toolset": TOOLSET.to_dict(),
        "settings": {"batch_size": 3, "max_new_tokens": 8, "threads": 1},
    }
    if endpoint:
        config["endpoint"] = Service("here", endpoint, **prices).to_dict()
    write_json(folder.config, config)
    append_rows(folder.cases, ({"scenario": scenario(f"s{i}", text).to_dict()} for i, text in enumerate(requests)))
    train = [scenario("t0", "ping the server alpha"), scenario("t1", "please show me the clock")]
    rows = [*((one, "train") for one in train), *((scenario(f"s{i}", text), "test") for i, text in enumerate(requests))]
    append_rows(folder.path / EXAMPLES, ({"scenario": one.to_dict(), "split": split} for one, split in rows))
    return folder


def remote(server: ChatServer, **more) -> tuple[Model, Endpoint]:
    kept = {"timeout_s": 0.5, "retries": 0, "concurrency": 4, **more}
    return Model("endpoint:here", "here", server.base_url, kind="endpoint"), Endpoint(server.base_url, "tiny", **kept)


def call(host: str) -> dict:
    function = {"name": "ping", "arguments": json.dumps({"host": host})}
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": function}],
    }
    return {**completion(""), "choices": [{"message": message, "finish_reason": "tool_calls"}]}


def cut(handler, body) -> None:
    """Breaks off although more was announced."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices"')
    handler.close_connection = True


def broken_call() -> dict:
    data = call("x")
    data["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = '{"host": '
    return data


BEHAVIOUR = {
    "html": lambda handler, body: send(handler, 200, b"<html>hello</html>"),
    "half": lambda handler, body: send(handler, 200, b'{"choices": [{"message": {"con'),
    "slow": lambda handler, body: time.sleep(1.0),
    "refused": lambda handler, body: send_json(handler, {"error": {"message": "no"}}, 401),
    "busy": lambda handler, body: send_json(handler, {"error": {"message": "busy"}}, 500),
    "drip": drip,
    "cut": cut,
    "strange": lambda handler, body: send_json(handler, {"answer": 42}),
    "broken": lambda handler, body: send_json(handler, broken_call()),
    "chat": lambda handler, body: send_json(handler, completion("Hello there")),
}


def by_last_word(handler, body) -> None:
    """Answers well, badly or not at all, as the request's last word says."""
    word = body["messages"][-1]["content"].split()[-1]
    BEHAVIOUR.get(word, lambda handler, body: send_json(handler, call(word)))(handler, body)


def wait(folder: RunFolder, *, state: str = "done") -> RunStatus:
    deadline = time.time() + 120
    while not (status := observe(folder.path)).finished:
        assert time.time() < deadline
        time.sleep(0.05)
    assert status.state == state, status.message
    return status


def run_here(folder: RunFolder) -> Ending:
    with Reporter(folder) as reporter:
        return evaluate(folder, reporter)


def replies(folder: RunFolder) -> dict[str, Reply]:
    return {row["scenario_id"]: Reply.from_dict(row) for row in read_rows(folder.replies)}


WORDS = ["alpha", "html", "half", "slow", "busy", "drip", "cut", "strange", "broken", "chat", "beta"]
KINDS = ["", "html", "half_json", "timeout", "status", "endless", "truncated", "not_chat", "", "", ""]


def test_each_failure_is_recorded_as_its_kind_and_the_run_goes_on(tmp_path: Path) -> None:
    with serve(by_last_word) as server:
        folder = make_folder(tmp_path / "run", [f"ping {word}" for word in WORDS], *remote(server), price_in=2.0)
        launch(folder.path, "workbench.evaluation.worker")
        status = wait(folder)
    found = [replies(folder)[f"s{i}"] for i in range(len(WORDS))]
    assert [reply.failure for reply in found] == KINDS
    kinds = ["calls", *["failed"] * 7, "malformed", "text", "calls"]
    assert [reply.parsed.kind for reply in found] == kinds
    assert all(reply.parsed.reason for reply in found if reply.parsed.kind not in ("calls", "text"))
    assert found[0].parsed.calls == (ToolCall("ping", {"host": "alpha"}),) and found[9].parsed.text == "Hello there"
    assert found[0].prompt_tokens == 100 and found[3].latency_ms >= 500
    summary = status.summary
    assert summary["failures"] == {kind: 1 for kind in sorted(filter(None, KINDS))}
    assert summary["prompt_tokens"] == 400 and summary["cost"] == pytest.approx(400 * 2 / 1e6)
    assert "7 without an answer" in status.message and "half a JSON" in told(summary)
    asked = server.requests[0]
    assert asked["temperature"] == 0 and asked["max_tokens"] == 8 and asked["model"] == "tiny"
    assert asked["tools"] == [{"type": "function", "function": TOOLSET.tools[0].to_dict()["function"]}]
    assert 1 < server.most_at_once <= 4


@pytest.mark.parametrize("word", ["refused", "gone"])
def test_a_refused_key_or_a_host_that_is_down_ends_early(tmp_path: Path, word: str) -> None:
    with serve(by_last_word) as server:
        model, endpoint = remote(server, concurrency=1)
        if word == "gone":
            endpoint = dataclasses.replace(endpoint, base_url="http://127.0.0.1:9/v1")
        folder = make_folder(tmp_path / "run", [f"ping {i} {word}" for i in range(50)], model, endpoint)
        launch(folder.path, "workbench.evaluation.worker")
        status = wait(folder, state="failed")
    assert "3 requests in a row failed" in status.message
    assert ("refused" if word == "refused" else "cannot be reached") in status.message
    assert len(replies(folder)) == 3 and len(server.requests) <= 4


def test_a_failure_now_and_then_does_not_end_it(tmp_path: Path) -> None:
    with serve(by_last_word) as server:
        words = ["refused", "refused", "x"] * 4
        folder = make_folder(tmp_path / "run", [f"ping {w}" for w in words], *remote(server, concurrency=1))
        assert run_here(folder).summary["failures"] == {"refused_key": 8}


def test_the_key_comes_from_its_variable_and_is_kept_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_KEY", KEY)
    with serve(by_last_word) as server:
        folder = make_folder(tmp_path / "run", ["ping alpha"], *remote(server, key_env="TINY_KEY"))
        launch(folder.path, "workbench.evaluation.worker", ["TINY_KEY"])
        wait(folder)
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert not any(KEY in path.read_text("utf-8") for path in folder.path.iterdir() if path.is_file())


def test_a_killed_worker_asks_for_nothing_twice(tmp_path: Path) -> None:
    def slowly(handler, body) -> None:
        time.sleep(0.03)
        by_last_word(handler, body)

    with serve(slowly) as server:
        folder = make_folder(tmp_path / "run", [f"ping h{i}" for i in range(60)], *remote(server, concurrency=2))
        launch(folder.path, "workbench.evaluation.worker")
        deadline = time.time() + 60
        while len(read_rows(folder.replies)) < 6:
            assert time.time() < deadline
            time.sleep(0.01)
        os.kill(observe(folder.path).pid, signal.SIGKILL)
        kept = read_rows(folder.replies)
        before = len(server.requests)
        with folder.replies.open("a") as file:
            file.write('{"scenario_id": "s')
        launch(folder.path, "workbench.evaluation.worker")
        status = wait(folder)
        assert len(server.requests) - before <= 60 - len(kept) + 2
    rows = read_rows(folder.replies)
    assert (
        rows[: len(kept)] == kept and sorted(replies(folder)) == sorted(f"s{i}" for i in range(60)) and len(rows) == 60
    )
    assert status.step == 60 and status.summary["prompt_tokens"] == 6000
    assert read_rows(folder.metrics)[-1]["done"] == 60


def test_cancel_does_not_wait_for_the_endpoint(tmp_path: Path) -> None:
    with serve(drip) as server:
        folder = make_folder(tmp_path / "run", ["ping a", "ping b"], *remote(server, timeout_s=60))
        launch(folder.path, "workbench.evaluation.worker")
        deadline = time.time() + 60
        while not server.requests:
            assert time.time() < deadline
            time.sleep(0.02)
        folder.cancel.touch()
        status = wait(folder, state="stopped")
    assert "0 of 2" in status.message and replies(folder) == {}


def test_examples_stand_in_front_of_the_request_as_earlier_turns(tmp_path: Path) -> None:
    with serve(by_last_word) as server:
        model, endpoint = remote(server)
        model = dataclasses.replace(model, shots=2)
        folder = make_folder(tmp_path / "run", ["ping the server beta", "ping the server alpha"], model, endpoint)
        run_here(folder)
    by_request = {request["messages"][-1]["content"]: request["messages"] for request in server.requests}
    first, second = by_request["ping the server beta"], by_request["ping the server alpha"]
    assert [message["role"] for message in first] == ["system", *["user", "assistant", "tool"] * 2, "user"]
    assert first[4]["content"] == "ping the server alpha"
    assert first[5]["tool_calls"][0]["id"] == first[6]["tool_call_id"]
    # Its twin in train is never shown.
    assert "ping the server alpha" not in [message["content"] for message in second[:-1]]


def test_the_baseline_copies_what_the_nearest_did(tmp_path: Path) -> None:
    model = Model("nearest", "Nearest", "nearest", kind="nearest")
    folder = make_folder(tmp_path / "run", ["ping the server gamma", "ÄÖÜ"], model)
    ending = run_here(folder)
    assert ending.state == "done" and ending.summary["replies"] == 2
    assert replies(folder)["s0"].parsed.calls == (ToolCall("ping", {"host": "gamma"}),)
    assert json.loads(replies(folder)["s0"].raw)["tool_calls"][0]["function"]["name"] == "ping"
    assert replies(folder)["s1"].parsed.kind == "text"
