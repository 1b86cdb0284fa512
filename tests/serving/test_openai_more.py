"""What clients may ask beside plain completions: vectors, JSON, beams, probabilities, another model under a name."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np

from tests.small_models import make_gemma
from workbench.store import traffic


def test_embeddings_in_both_forms(served):
    texts = ["find files", "ping the host", "find files"]
    plain = served.client.embeddings.create(model="encoder", input=texts, encoding_format="float")
    first, second, third = (np.array(row.embedding) for row in plain.data)
    assert np.allclose(np.linalg.norm([first, second, third], axis=1), 1) and np.allclose(first, third)
    assert not np.allclose(first, second) and plain.usage.total_tokens > 3
    # Without a form the client asks for base64 and unpacks it.
    compact = served.client.embeddings.create(model="encoder", input=texts[1])
    assert np.allclose(compact.data[0].embedding, second, atol=1e-6)


def test_json_of_a_schema(served):
    schema = {
        "type": "object",
        "properties": {"mood": {"enum": ["good", "bad"]}, "points": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["mood", "points"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema}}
    for stream in (False, True):
        found = served.ask(response_format=wanted, stream=stream)
        text = "".join(c.choices[0].delta.content or "" for c in found) if stream else found.choices[0].message.content
        read = json.loads(text)
        assert read["mood"] in ("good", "bad") and 0 <= read["points"] <= 9 and len(read) == 2
    assert isinstance(json.loads(served.ask(response_format={"type": "json_object"}).choices[0].message.content), dict)


def test_beams_find_replies_that_are_at_least_as_probable(served):
    wish = {"tool_choice": "required", "parallel_tool_calls": False, "max_tokens": 40}
    greedy = served.ask(**wish).choices[0].model_extra["router"]["confidence"]
    choices = served.ask(**wish, n=3, extra_body={"beams": 4}).choices
    sure = [choice.model_extra["router"]["confidence"] for choice in choices]
    assert sure == sorted(sure, reverse=True) and sure[0] >= greedy * 0.999
    assert len({str(choice.message.tool_calls or choice.message.content) for choice in choices}) == len(choices) > 1


def test_a_stream_tells_usage_and_probabilities(served):
    chunks = list(
        served.ask(
            tool_choice="none",
            stream=True,
            stream_options={"include_usage": True},
            logprobs=True,
            top_logprobs=1,
            max_tokens=5,
        )
    )
    assert chunks[-1].usage.completion_tokens > 0 and chunks[-1].choices == []
    told = [
        one for chunk in chunks[:-1] for one in (chunk.choices[0].logprobs.content if chunk.choices[0].logprobs else [])
    ]
    assert len(told) == chunks[-1].usage.completion_tokens and all(one.logprob <= 0 for one in told)


def test_a_name_is_swapped_while_it_answers(served):
    other = str(served.root / "other")
    make_gemma(Path(other), window=4096)
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(lambda i=i: served.ask(f"ping host{i}", tool_choice="required", max_tokens=40))
            for i in range(8)
        ]
        swapped = served.swap("router", other)
        assert swapped == {"name": "router", "model": other, "before": "starter"}
        assert all(one.result().choices for one in asked)
    assert httpx.get(f"{served.url}/health").json()["model"] == "router"
    call = served.client.chat.completions.create(
        model="router", messages=[{"role": "user", "content": "hi"}], tool_choice="required", max_tokens=5
    )
    assert call.model == "router" and traffic.list_traffic(served.store)[0]["model"] == other
    assert served.swap("router", "starter")["before"] == other
    for wrong in (
        {"name": "nobody", "model": "starter"},
        {"name": "router", "model": "nearest"},
        {"name": "router"},
        [],
    ):
        assert served.post("/api/serving/swap", wrong).status_code in (400, 404)
