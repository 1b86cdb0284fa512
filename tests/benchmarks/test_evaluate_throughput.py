"""The benchmark of evaluation really measures, and would notice replies that differ."""

import argparse
import json
from pathlib import Path

import pytest

from benchmarks.evaluate_throughput import Bench, as_text, first_difference, make_toolset, measure
from workbench.inference.engine import Prompt

TOOLS = [{"type": "function", "function": {"name": "ping", "description": "Test a host.", "parameters": {}}}]


@pytest.mark.parametrize("shape", [TOOLS, {"tools": TOOLS}], ids=["list", "object"])
def test_tools_from_a_file_that_begins_with_a_byte_order_mark(tmp_path: Path, shape: object) -> None:
    file = tmp_path / "tools.json"
    file.write_text(json.dumps(shape), "utf-8-sig")
    assert make_toolset(str(file)).tool_names == ("ping",)


def test_a_different_token_is_found() -> None:
    prompts = [Prompt("a", ""), Prompt("b", "")]
    assert first_difference(prompts, [[1, 2], [3]], [[1, 2], [3]]) is None
    found = first_difference(prompts, [[1, 2], [3, 4]], [[1, 2], [3, 5, 6]])
    assert found == {"prompt": "b", "token": 1, "expected": [4], "got": [5, 6]}
    assert first_difference(prompts, [[1, 2]], [[1]]) == {"prompt": "a", "token": 1, "expected": [2], "got": []}


def test_it_measures_the_starter(tmp_path: Path) -> None:
    file = tmp_path / "tools.json"
    file.write_text(json.dumps(TOOLS), "utf-8")
    arguments = argparse.Namespace(
        shape="starter", n=5, sample=2, batch=2, new_tokens=4, dtype="fp32", threads=0, gguf=""
    )
    found = measure(Bench(arguments, make_toolset(str(file))), arguments)
    assert found["same_replies"] and found["first_difference"] is None
    assert found["compared"]["prompts"] == 2 and found["compared"]["tokens"] > 0
    assert found["prompts_measured"] == {"ours": 5, "one by one": 2, "batched": 2}
    assert found["speedup"] > 0
    assert "one by one" in as_text({**found, "command": "", "versions": {}})
