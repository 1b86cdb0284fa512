"""The benchmark of training really measures, and would notice gradients that differ."""

import json

import pytest
import torch

from benchmarks.train_throughput import as_text, largest_difference, measure, parse

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "ping",
            "description": "Test a host.",
            "parameters": {"type": "object", "properties": {"host": {"type": "string"}}, "required": ["host"]},
        },
    }
]


def test_the_largest_difference_is_relative_and_by_matrix():
    one = {"a": torch.tensor([3.0, 4.0]), "b": torch.tensor([1000.0])}
    assert largest_difference(one, one) == 0
    assert largest_difference(one, one | {"a": torch.tensor([3.0, 4.5])}) == pytest.approx(0.1)


def test_it_measures_the_starter_beside_sfttrainer(tmp_path):
    pytest.importorskip("trl")
    file = tmp_path / "tools.json"
    file.write_text(json.dumps(TOOLS), "utf-8")
    given = ["--tools", str(file), "--shape", "starter", "--batch", "3", "--sample", "2", "--threads", "1"]
    found = measure(parse(given))
    assert found["speedup"] > 0 and found["memory_ratio"] > 0
    assert 0 < found["max_rel_grad_diff"] < 1e-3
    ours, theirs = found["engines"]["ours at batch 3"], found["engines"]["one at batch 3"]
    assert (ours["examples"], theirs["examples"]) == (3, 2)
    assert 0 < ours["flops_an_example"] < theirs["flops_an_example"]
    assert "times SFTTrainer's speed" in as_text({**found, "command": "", "versions": {}})
