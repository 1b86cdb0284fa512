"""Does the served router answer as the evaluation does? Every scenario of the shipped test split, or the first few.

    python benchmarks/serving_agrees.py [--limit 40] [--model starter] [--free]

Prints the scenarios that differ; exit status 1 when there is one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fastapi import FastAPI
from starlette.testclient import TestClient

from workbench.actions import curate, runs
from workbench.actions.content import open_workspace
from workbench.actions.models import resolve
from workbench.actions.serving import ServeSettings, Serving
from workbench.api import install
from workbench.dialects.openai import as_messages
from workbench.inference.engine import load, set_up_process
from workbench.inference.replies import reply_to
from workbench.records import Reply, Scenario, Toolset
from workbench.scenarios.messages import to_messages
from workbench.store import snapshots

TOKENS = 128


def served_calls(client: TestClient, model: str, scenario: Scenario, toolset: Toolset, constrained: bool) -> Any:
    """The calls of an answer over HTTP, or its text where it could not be read."""
    body = {
        "model": model,
        "messages": as_messages(to_messages(scenario, toolset)),
        "max_tokens": TOKENS,
        "constrained": constrained,
    }
    answer = client.post("/v1/chat/completions", json=body)
    answer.raise_for_status()
    (choice,) = answer.json()["choices"]
    functions = [call["function"] for call in choice["message"].get("tool_calls", ())]
    return [{"name": one["name"], "arguments": json.loads(one["arguments"])} for one in functions]


def evaluated_calls(reply: Reply) -> Any:
    return [call.to_dict() for call in reply.parsed.calls]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=0, help="0: all")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--workspace", type=Path, help="one that has the model's run")
    parser.add_argument("--free", action="store_true", help="without a grammar")
    arguments = parser.parse_args()
    root = arguments.workspace or Path(tempfile.mkdtemp(prefix="serving-agrees-"))
    with open_workspace(root) as store:
        frozen = snapshots.load(store, runs.make_snapshot(store, curate.default_toolset(store)))
        scenarios = frozen.split("test")[: arguments.limit or None]
        serving, app = Serving(store, ServeSettings(models=(arguments.model,))), FastAPI()
        install(app, store, serving)
        set_up_process(0)
        loaded = load(resolve(store, arguments.model))
        found = reply_to(loaded, scenarios, frozen.toolset, TOKENS, constrained=not arguments.free)
        expected = {reply.scenario_id: evaluated_calls(reply) for reply in found}
        differing = 0
        with TestClient(app) as client:
            for scenario in scenarios:
                got = served_calls(client, arguments.model, scenario, frozen.toolset, not arguments.free)
                if got != expected[scenario.id]:
                    differing += 1
                    print(f"{scenario.id}: evaluation {expected[scenario.id]}, served {got}")
        serving.close()
    called = sum(bool(calls) for calls in expected.values())
    print(f"{len(scenarios)} scenarios, {called} with calls, {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
