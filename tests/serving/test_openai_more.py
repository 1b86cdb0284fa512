"""What clients may ask beside plain completions: vectors, JSON, beams, probabilities, another model under a name."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.small_models import FAMILIES
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


def test_other_models_are_loaded_while_one_answers_and_none_is_refused(served):
    """More models than are kept: who asked before a swap is answered by the model that was asked."""
    models = ["starter", *(str(served.root / family) for family in FAMILIES)]

    def ask(number: int):
        return served.client.chat.completions.create(
            model=models[number % len(models)],
            messages=[{"role": "user", "content": f"ping host{number}"}],
            tool_choice="required",
            max_tokens=30,
        )

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, number) for number in range(12)]
        for model in models[::-1]:
            assert served.post("/api/serving/warm", {"model": model}).json() == {"model": model, "ready": True}
        found = [one.result() for one in asked]
    assert [one.model for one in found] == [models[number % len(models)] for number in range(12)]
    first = {one.model: one.choices[0].message for one in found[:4]}
    for number in (0, 1):
        again = ask(number).choices[0].message
        assert [c.function for c in again.tool_calls or ()] == [
            c.function for c in first[models[number]].tool_calls or ()
        ] and again.content == first[models[number]].content
    assert {one["model"] for one in traffic.list_traffic(served.store)} >= set(models)
    assert {one.model_extra.get("engine") for one in served.client.models.list() if one.owned_by != "encoder"} == {
        "torch"
    }
    health = served.serving.health()
    assert (health["engine"], health["dtype"]) == ("torch", "float32") and health["model"] == models[1]
    assert served.post("/api/serving/warm", {"model": "nobody"}).status_code == 404
    assert served.post("/api/serving/warm", []).status_code == 400
