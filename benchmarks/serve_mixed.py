"""Minutes of everything at once against the served router: does it hold?

    python benchmarks/serve_mixed.py [--minutes 10] [--clients 32] [--seed 0]

Clients on this computer ask with and without tools, streamed and whole, several replies at once, JSON, models that are
loaded and forgotten beside them, and bodies that are broken; some go away in the middle. At the end: no answer was a
5xx, every completion that was acknowledged is in the recorded traffic, and the process that holds the models needs no
more memory than after its first quarter (a tenth more is let through). Exit status 1 where one of these does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
import psutil

from benchmarks.serve_load import REQUESTS, serve
from workbench.actions.content import open_workspace
from workbench.actions.serving import ServeSettings, Serving
from workbench.store import traffic
from workbench.store.database import Store

BROKEN: tuple[bytes, ...] = (
    b"",
    b"{",
    b"[]",
    b'{"model": "starter"}',
    b'{"model": "nobody", "messages": [{"role": "user", "content": "hi"}]}',
    b'{"model": "starter", "messages": [{"role": "user", "content": "\\ud800"}]}',
    b'{"model": "starter", "messages": [{"role": "tool", "content": "x", "tool_call_id": "y"}]}',
    b'{"model": "starter", "messages": "hi", "n": 1e99}',
    b'{"model": "starter", "messages": [{"role": "user", "content": "hi"}], "tools": [{"function": {"name": 3}}]}',
    b'{"model": "starter", "messages": [{"role": "user", "content": "hi"}], "stop": ["", 3]}',
)
MODELS = ("starter", "starter+int8", "starter+int8+grammar")
"""One more than are kept."""
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
MORE: tuple[dict[str, Any], ...] = (
    {},
    {"tools": [TOOL]},
    {"tools": [TOOL], "tool_choice": "required"},
    {"n": 3, "temperature": 1.0},
    {"tool_choice": "none", "logprobs": True, "top_logprobs": 2},
    {"response_format": {"type": "json_object"}},
    {"beams": 3},
    {"constrained": False},
)


@dataclass
class Seen:
    """What the clients met."""

    statuses: Counter[int] = field(default_factory=Counter)
    acknowledged: list[str] = field(default_factory=list)
    gone: int = 0
    broken_streams: int = 0
    memory: list[int] = field(default_factory=list)


class Client:
    """Asks one thing after the other until the time is over."""

    def __init__(self, url: str, seen: Seen, seed: int) -> None:
        self.url, self.seen, self.rng = f"{url}/v1/chat/completions", seen, random.Random(seed)

    async def run(self, until: float) -> None:
        async with httpx.AsyncClient(timeout=300) as client:
            while time.monotonic() < until:
                kinds = (self.whole, self.whole, self.stream, self.stream, self.leave, self.broken)
                await self.rng.choice(kinds)(client)

    def body(self, **more: Any) -> dict[str, Any]:
        said = f"{self.rng.choice(REQUESTS)} {self.rng.randint(0, 99)}"
        model = self.rng.choice(MODELS)
        messages = [{"role": "user", "content": said}]
        return {"model": model, "messages": messages, "max_tokens": 48, **self.rng.choice(MORE), **more}

    async def whole(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(self.url, json=self.body())
        self.seen.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            self.seen.acknowledged.append(answer.json()["id"])
        elif answer.status_code == 429:
            await asyncio.sleep(float(answer.headers["Retry-After"]))

    async def stream(self, client: httpx.AsyncClient) -> None:
        async with client.stream("POST", self.url, json=self.body(stream=True)) as answer:
            self.seen.statuses[answer.status_code] += 1
            lines = [line async for line in answer.aiter_lines() if line.startswith("data: ")]
        if answer.status_code != 200:
            return
        if lines[-1] != "data: [DONE]" or "error" in json.loads(lines[-2][6:]):
            self.seen.broken_streams += 1
        else:
            self.seen.acknowledged.append(json.loads(lines[-2][6:])["id"])

    async def leave(self, client: httpx.AsyncClient) -> None:
        try:
            body = self.body(max_tokens=1000, tool_choice="none", stream=self.rng.random() < 0.5)
            answer = await client.post(self.url, json=body, timeout=self.rng.uniform(0.05, 1.0))
            self.seen.statuses[answer.status_code] += 1
        except httpx.TimeoutException:
            self.seen.gone += 1

    async def broken(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(self.url, content=self.rng.choice(BROKEN))
        self.seen.statuses[answer.status_code] += 1


async def warm_and_weigh(url: str, serving: Serving, seen: Seen, until: float) -> None:
    """Load another model every few seconds, so that one is forgotten; note the memory of the process."""
    async with httpx.AsyncClient(timeout=300) as client:
        at = 0
        while time.monotonic() < until:
            at += 1
            answer = await client.post(f"{url}/api/serving/warm", json={"model": MODELS[at % len(MODELS)]})
            seen.statuses[answer.status_code] += 1
            await asyncio.sleep(min(5.0, max(0.0, until - time.monotonic())))
            if pid := serving.process.pid:
                seen.memory.append(psutil.Process(pid).memory_info().rss)


async def everything(url: str, serving: Serving, clients: int, seconds: float, seed: int) -> Seen:
    seen, until = Seen(), time.monotonic() + seconds
    tasks = [Client(url, seen, seed + number).run(until) for number in range(clients)]
    await asyncio.gather(warm_and_weigh(url, serving, seen, until), *tasks)
    return seen


def judge(seen: Seen, store: Store) -> list[str]:
    """What does not hold, in words."""
    wrong = [f"{count} answers with status {code}" for code, count in sorted(seen.statuses.items()) if code >= 500]
    wrong += [f"{seen.broken_streams} streams broke off"] if seen.broken_streams else []
    kept = {row["id"] for row in store.read("SELECT id FROM traffic")}
    lost = [one for one in seen.acknowledged if one not in kept]
    wrong += [f"{len(lost)} acknowledged completions are not recorded"] if lost else []
    wrong += ["nothing was answered"] if not seen.acknowledged else []
    quarter = max(seen.memory[: max(1, len(seen.memory) // 4)], default=0)
    if seen.memory and seen.memory[-1] > 1.1 * quarter:
        wrong.append(f"memory grew from {quarter >> 20} MB to {seen.memory[-1] >> 20} MB")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with open_workspace(Path(tempfile.mkdtemp(prefix="serve-mixed-"))) as store:
        settings = ServeSettings(models=MODELS[1:], waiting=arguments.clients // 2, models_kept=2)
        serving = Serving(store, settings)
        try:
            with serve(serving, store) as url:
                run = everything(url, serving, arguments.clients, arguments.minutes * 60, arguments.seed)
                seen = asyncio.run(run)
        finally:
            serving.close()
        wrong = judge(seen, store)
        print(f"answers by status: {dict(sorted(seen.statuses.items()))}; {seen.gone} clients went away")
        print(f"{len(seen.acknowledged)} acknowledged, {traffic.count_traffic(store)} recorded")
        print("memory in MB:", *(one >> 20 for one in seen.memory[:: max(1, len(seen.memory) // 12)]))
    print("\n".join(wrong) or "It holds.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
