"""The official client against the starter: a real server, a real process that holds the model."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import pytest
import uvicorn
from fastapi import FastAPI

from tests.small_workspace import TOOLSET, open_small
from workbench.actions import answers
from workbench.actions.serving import ServeSettings, Serving
from workbench.api import Guard, Policy, install
from workbench.cli import main
from workbench.records import ToolCall
from workbench.scenarios.validate import check_call
from workbench.store import Store, traffic
from workbench.workspace import Workspace

KEY = "secret"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"]},
    },
}


class Served:
    """A server in a thread, and the way to it."""

    def __init__(self, root: Path) -> None:
        self.store = open_small(root)
        self.serving = Serving(self.store, ServeSettings(seconds=300))
        app = FastAPI(openapi_url="/api/openapi.json")
        install(app, self.store, self.serving)
        app.add_middleware(Guard, policy=Policy(keys=(KEY,)))
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"
        self.client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0, timeout=300)

    def ask(self, text: str = "please ping host7", **more):
        return self.client.chat.completions.create(
            model="starter", messages=[{"role": "user", "content": text}], **{"max_tokens": 60, **more}
        )

    def close(self) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join()
        self.serving.close()
        self.store.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    found = Served(tmp_path_factory.mktemp("served"))
    yield found
    found.close()


def call_of(message) -> ToolCall:
    function = message.tool_calls[0].function
    return ToolCall(function.name, json.loads(function.arguments))


def test_a_demanded_call_of_the_served_toolset(served: Served):
    found = served.ask(tool_choice="required", max_tokens=600)
    (choice,) = found.choices
    assert choice.finish_reason == "tool_calls" and found.model == "starter" and found.usage.prompt_tokens > 50
    assert check_call(call_of(choice.message), TOOLSET, "call") == []
    assert served.ask(tool_choice="required", max_tokens=600).choices[0].message.tool_calls[0].function == (
        choice.message.tool_calls[0].function
    )


def test_a_named_tool_of_the_request(served: Served):
    named = {"type": "function", "function": {"name": "weather"}}
    message = served.ask("will it rain", tools=[WEATHER], tool_choice=named).choices[0].message
    assert call_of(message).arguments["city"] in ("Rome", "Oslo") and len(message.tool_calls) == 1


def test_no_tool(served: Served):
    message = served.ask("thank you", tool_choice="none").choices[0].message
    assert message.tool_calls is None and message.content


def test_the_harness_that_evaluates_models_evaluates_the_service(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("SERVED_KEY", KEY)
    open_small(tmp_path).close()
    line = ["evaluate", "starter+grammar", "--workspace", str(tmp_path), "--toolset", "small", "--split", "test"]
    line += ["--endpoint", f"{served.url}/v1", "--endpoint-model", "starter", "--key-env", "SERVED_KEY", "--json"]
    assert main(line) == 0
    local, remote = json.loads(capsys.readouterr().out)["runs"]
    assert remote["state"] == local["state"] == "done" and remote["summary"]["failures"] == {}
    with Store.open(Workspace(tmp_path)) as store:
        here, there = (
            {one["reply"]["scenario_id"]: one["reply"]["calls"] for one in answers.replies(store, run["id"])}
            for run in (local, remote)
        )
    assert len(here) == 4 and any(here.values()) and there == here


def test_streamed_calls_and_text_are_those_of_one_piece(served: Served):
    for choice in ("required", "none"):
        whole = served.ask(tool_choice=choice).choices[0]
        name, arguments, content, finish = "", "", "", None
        for chunk in served.ask(tool_choice=choice, stream=True):
            delta = chunk.choices[0].delta
            content += delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
            for part in (delta.tool_calls or [])[:1]:
                if part.index == 0:
                    name += part.function.name or ""
                    arguments += part.function.arguments or ""
        assert finish == whole.finish_reason
        if whole.message.tool_calls:
            assert (name, arguments) == (
                whole.message.tool_calls[0].function.name,
                whole.message.tool_calls[0].function.arguments,
            )
        else:
            assert content == whole.message.content


def test_async_clients_at_once(served: Served):
    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key=KEY, timeout=300) as client:
            asked = [
                client.chat.completions.create(
                    model="starter",
                    messages=[{"role": "user", "content": f"ping host{i % 2}"}],
                    tool_choice="required",
                    parallel_tool_calls=False,
                    max_tokens=600,
                )
                for i in range(4)
            ]
            return [found.choices[0].message.tool_calls[0].function.arguments for found in await asyncio.gather(*asked)]

    # A thread of its own: where browser tests ran before, this one has a loop already.
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: asyncio.run(run())).result()
    assert found[0] == found[2] and found[1] == found[3]


def test_sampling_several_logprobs_and_stops(served: Served):
    found = served.ask(n=3, temperature=1.5, seed=4, tool_choice="none", logprobs=True, top_logprobs=2, max_tokens=8)
    assert len(found.choices) == 3
    first = found.choices[0].logprobs.content
    assert first and all(one.logprob <= 0 for one in first) and len(first[0].top_logprobs) <= 2
    again = served.ask(n=3, temperature=1.5, seed=4, tool_choice="none", max_tokens=8)
    assert [c.message.content for c in again.choices] == [c.message.content for c in found.choices]
    banned = {str(i): -100 for i in range(20)}
    assert served.ask(tool_choice="none", logit_bias=banned, max_tokens=8).choices[0].message.content


def test_a_conversation_goes_on_behind_a_tool_result(served: Served):
    first = served.ask(tool_choice="required", parallel_tool_calls=False, max_tokens=600).choices[0].message
    messages = [
        {"role": "user", "content": "please ping host7"},
        first.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": '{"alive": true}'},
    ]
    found = served.client.chat.completions.create(model="starter", messages=messages, max_tokens=8)
    assert found.choices[0].finish_reason in ("stop", "length", "tool_calls")


def test_errors_have_the_shape_that_the_client_knows(served: Served):
    with pytest.raises(openai.NotFoundError) as missing:
        served.client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "hi"}])
    assert missing.value.code == "model_not_found"
    for wrong in (
        {"temperature": 9},
        {"n": 0},
        {"tool_choice": "maybe"},
        {"tools": [{"function": {}}]},
        {"stop": [""]},
    ):
        with pytest.raises(openai.BadRequestError) as bad:
            served.ask(**wrong)
        assert bad.value.param and bad.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError, match="No encoder"):
        served.client.embeddings.create(model="starter", input="x")
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{served.url}/v1", api_key="wrong").models.list()
    with pytest.raises(openai.PermissionDeniedError):
        served.ask(extra_headers={"Origin": "http://evil.example"})


def test_back_pressure(served: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(served.serving.process, "_limit", 0)
    with pytest.raises(openai.RateLimitError) as busy:
        served.ask()
    assert busy.value.response.headers["Retry-After"] == "1"
    with pytest.raises(openai.RateLimitError):
        served.ask(stream=True)


def test_a_client_that_goes_away_is_forgotten(served: Served):
    with pytest.raises(openai.APITimeoutError):
        served.ask(tool_choice="none", max_tokens=2000, n=8, temperature=1.0, timeout=0.05)
    end = time.monotonic() + 60
    while served.serving.process.waiting:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_killed_process_is_replaced(served: Served):
    served.ask(tool_choice="none", max_tokens=2)
    child = served.serving.process._child
    child.kill()
    child.wait()
    assert served.ask(tool_choice="none", max_tokens=2).choices


def test_traffic_is_recorded_redacted_and_takes_feedback(served: Served):
    found = served.ask("mail ann@example.org about /home/ann/x", tool_choice="none", max_tokens=4)
    kept = next(row for row in traffic.list_traffic(served.store) if row["id"] == found.id)
    assert kept["request"]["messages"][0]["content"] == "mail [e-mail] about /home/[user]/x"
    assert kept["model"] == "starter" and kept["toolset"] == "small" and kept["latency_ms"] > 0
    said = {"id": found.id, "verdict": "bad", "expected": [{"name": "clock", "arguments": {}}]}
    headers = {"Authorization": f"Bearer {KEY}"}
    assert httpx.post(f"{served.url}/v1/feedback", json=said, headers=headers).status_code == 200
    assert traffic.list_traffic(served.store)[0]["feedback"][0]["verdict"] == "bad"
    for wrong in ({**said, "id": "other"}, {**said, "verdict": "meh"}, {"id": found.id}, [], {**said, "x": 1}):
        assert httpx.post(f"{served.url}/v1/feedback", json=wrong, headers=headers).status_code == 400
    traffic.forget_before(served.store, -1)
    assert traffic.count_traffic(served.store) == 0


def test_models_health_and_metrics(served: Served):
    served.ask(tool_choice="none", max_tokens=2)
    assert "starter" in [model.id for model in served.client.models.list()]
    assert httpx.get(f"{served.url}/health").json()["status"] == "ok"
    text = httpx.get(f"{served.url}/metrics").text
    assert 'router_requests_total{status="200"}' in text and "router_model_memory_bytes" in text
