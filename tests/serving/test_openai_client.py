"""The official client against the starter: a real server, a real process that holds the model."""

import asyncio
import json
import time

import httpx
import openai
import psutil
import pytest

import workbench
from tests.aside import run_aside
from tests.small_workspace import TOOLSET, open_small
from workbench.actions import answers
from workbench.cli import main
from workbench.records import ToolCall
from workbench.scenarios.validate import check_call
from workbench.store import Store, traffic
from workbench.workspace import Workspace

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"]},
    },
}


def call_of(message) -> ToolCall:
    function = message.tool_calls[0].function
    return ToolCall(function.name, json.loads(function.arguments))


def test_a_demanded_call_of_the_served_toolset(served):
    found = served.ask(tool_choice="required", max_tokens=600)
    (choice,) = found.choices
    assert choice.finish_reason == "tool_calls" and found.model == "starter" and found.usage.prompt_tokens > 50
    assert check_call(call_of(choice.message), TOOLSET, "call") == []
    assert served.ask(tool_choice="required", max_tokens=600).choices[0].message.tool_calls[0].function == (
        choice.message.tool_calls[0].function
    )


def test_a_named_tool_of_the_request(served):
    named = {"type": "function", "function": {"name": "weather"}}
    message = served.ask("will it rain", tools=[WEATHER], tool_choice=named).choices[0].message
    assert call_of(message).arguments["city"] in ("Rome", "Oslo") and len(message.tool_calls) == 1


def test_no_tool(served):
    message = served.ask("thank you", tool_choice="none").choices[0].message
    assert message.tool_calls is None and message.content


def test_the_harness_that_evaluates_models_evaluates_the_service(served, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SERVED_KEY", served.client.api_key)
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


def test_streamed_calls_and_text_are_those_of_one_piece(served):
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


def test_async_clients_at_once(served):
    async def run() -> list[str]:
        async with openai.AsyncOpenAI(
            base_url=f"{served.url}/v1", api_key=served.client.api_key, timeout=300
        ) as client:
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

    found = run_aside(run)
    assert found[0] == found[2] and found[1] == found[3]


def test_sampling_several_logprobs_and_stops(served):
    found = served.ask(n=3, temperature=1.5, seed=4, tool_choice="none", logprobs=True, top_logprobs=2, max_tokens=8)
    assert len(found.choices) == 3
    first = found.choices[0].logprobs.content
    assert first and all(one.logprob <= 0 for one in first) and len(first[0].top_logprobs) <= 2
    again = served.ask(n=3, temperature=1.5, seed=4, tool_choice="none", max_tokens=8)
    assert [c.message.content for c in again.choices] == [c.message.content for c in found.choices]
    banned = {str(i): -100 for i in range(20)}
    assert served.ask(tool_choice="none", logit_bias=banned, max_tokens=8).choices[0].message.content


def test_a_conversation_goes_on_behind_a_tool_result(served):
    first = served.ask(tool_choice="required", parallel_tool_calls=False, max_tokens=600).choices[0].message
    messages = [
        {"role": "user", "content": "please ping host7"},
        first.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": '{"alive": true}'},
    ]
    found = served.client.chat.completions.create(model="starter", messages=messages, max_tokens=8)
    assert found.choices[0].finish_reason in ("stop", "length", "tool_calls")


def test_errors_have_the_shape_that_the_client_knows(served):
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
    for wrong in ({"beams": 4, "n": 5}, {"beams": 2, "temperature": 1.0}, {"beams": 9}):
        with pytest.raises(openai.BadRequestError) as bad:
            served.ask(extra_body=wrong)
        assert bad.value.param
    for wrong in (
        {"type": "xml"},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"schema": {"type": 3}}},
    ):
        with pytest.raises(openai.BadRequestError) as bad:
            served.ask(response_format=wrong)
        assert bad.value.param.startswith("response_format")
    with pytest.raises(openai.NotFoundError):
        served.client.embeddings.create(model="starter", input="x")
    for wrong in ({"input": []}, {"input": [""]}, {"input": [1, 2]}, {"input": "x", "dimensions": 2}):
        with pytest.raises(openai.BadRequestError) as bad:
            served.client.embeddings.create(model="encoder", **wrong)
        assert bad.value.param
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{served.url}/v1", api_key="wrong").models.list()
    with pytest.raises(openai.PermissionDeniedError):
        served.ask(extra_headers={"Origin": "http://evil.example"})


def test_back_pressure(served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(served.serving.process, "_limit", 0)
    with pytest.raises(openai.RateLimitError) as busy:
        served.ask()
    assert busy.value.response.headers["Retry-After"] == "1"
    with pytest.raises(openai.RateLimitError):
        served.ask(stream=True)


def test_a_client_that_goes_away_is_forgotten(served):
    served.ask(tool_choice="none", max_tokens=2)
    models = psutil.Process(served.serving.process._child.pid)
    models.suspend()
    try:
        with pytest.raises(openai.APITimeoutError):
            served.ask(tool_choice="none", max_tokens=2, timeout=0.5)
    finally:
        models.resume()
    end = time.monotonic() + 60
    while served.serving.process.waiting:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert served.ask(tool_choice="none", max_tokens=2).choices


def test_a_killed_process_is_replaced(served):
    served.ask(tool_choice="none", max_tokens=2)
    child = served.serving.process._child
    child.kill()
    child.wait()
    assert served.ask(tool_choice="none", max_tokens=2).choices


def test_traffic_is_recorded_redacted_and_takes_feedback(served):
    found = served.ask("mail ann@example.org about /home/ann/x", tool_choice="none", max_tokens=4)
    kept = next(row for row in traffic.list_traffic(served.store) if row["id"] == found.id)
    assert kept["request"]["messages"][0]["content"] == "mail [e-mail] about /home/[user]/x"
    assert kept["model"] == "starter" and kept["toolset"] == "small" and kept["latency_ms"] > 0
    said = {"id": found.id, "verdict": "bad", "expected": [{"name": "clock", "arguments": {}}]}
    headers = {"Authorization": f"Bearer {served.client.api_key}"}
    assert httpx.post(f"{served.url}/v1/feedback", json=said, headers=headers).status_code == 200
    assert traffic.list_traffic(served.store)[0]["feedback"][0]["verdict"] == "bad"
    for wrong in ({**said, "id": "other"}, {**said, "verdict": "meh"}, {"id": found.id}, [], {**said, "x": 1}):
        assert httpx.post(f"{served.url}/v1/feedback", json=wrong, headers=headers).status_code == 400
    traffic.forget_before(served.store, -1)
    assert traffic.count_traffic(served.store) == 0


def test_models_health_and_metrics(served):
    served.ask(tool_choice="none", max_tokens=2)
    assert {"starter", str(served.root / "gemma"), "encoder"} <= {model.id for model in served.client.models.list()}
    health = httpx.get(f"{served.url}/health").json()
    assert health["status"] == "ok" and health["model"] == str(served.root / "gemma") and health["toolset"] == "small"
    assert health["version"] == workbench.__version__ and health["device"] and health["snapshot"] == ""
    text = httpx.get(f"{served.url}/metrics").text
    assert 'router_requests_total{status="200"}' in text and "router_model_memory_bytes" in text
