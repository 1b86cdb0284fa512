"""OpenHoof's logs: what is written is read back; what is wrong is told with its field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenarios.strategies import CALLS, SOLID
from workbench.records import RecordError
from workbench.scenarios.observed import Observed, read_line, write

OBSERVED = st.builds(
    Observed,
    request=SOLID,
    calls=st.lists(CALLS, max_size=3).map(tuple),
    raw=SOLID,
    at=st.sampled_from(["", "2026-01-02T03:04:05"]),
    model=SOLID,
    latency_ms=st.none() | st.floats(0, 1e6),
    readable=st.booleans(),
    context=st.sampled_from([(), (("os", "linux"), ("mode", "act"))]),
)


@given(OBSERVED)
def test_training_data_reads_back(one: Observed):
    (line,) = write("training_data", [one])
    assert read_line(json.loads(line)) == one


@given(OBSERVED, st.booleans(), st.sampled_from(["", "clock"]))
def test_outcomes_read_back_call_by_call(one: Observed, useful: bool, needed: str):
    said = Observed(one.request, one.calls, at=one.at, useful=useful, needed=needed)
    found = [read_line(json.loads(line)) for line in write("outcomes", [said])]
    assert [call for row in found for call in row.calls] == list(one.calls)
    assert len(found) == max(1, len(one.calls))
    assert {(row.request, row.useful, row.needed, row.at) for row in found} == {(one.request, useful, needed, one.at)}
    assert list(write("outcomes", [one])) == []


EXAMPLE = {"input": {"user_message": "x"}, "output": {"tool_calls": []}, "metadata": {}}
OUTCOME = {"user_message": "x", "predicted_tool": "ping", "predicted_args": {}, "result_useful": True}


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ([], ""),
        ({"text": "x"}, ""),
        (EXAMPLE | {"input": []}, "input.user_message"),
        (EXAMPLE | {"input": {"user_message": " "}}, "input.user_message"),
        (EXAMPLE | {"output": {"tool_calls": "ping"}}, "output.tool_calls"),
        (EXAMPLE | {"output": {"tool_calls": [{}]}}, "output.tool_calls[0].name"),
        (EXAMPLE | {"metadata": {"latency_ms": "3"}}, "metadata.latency_ms"),
        (EXAMPLE | {"timestamp": 3}, "timestamp"),
        (OUTCOME | {"result_useful": "yes"}, "result_useful"),
        (OUTCOME | {"predicted_args": "x"}, "predicted.arguments"),
        (OUTCOME | {"actual_tool_needed": 3}, "actual_tool_needed"),
        ({k: v for k, v in OUTCOME.items() if k != "user_message"}, "user_message"),
    ],
)
def test_what_is_wrong_is_told(data: object, path: str):
    with pytest.raises(RecordError) as caught:
        read_line(data)
    assert caught.value.path == path
