"""How fast the served router answers: latency and throughput at 1, 8 and 32 clients, constrained and free.

    python benchmarks/serve_load.py [--model starter] [--clients 1,8,32] [--requests 32] [--tools FILE]
                                    [--gguf FILE] [--plain 4] [--json]

A real server answers over HTTP on this computer; each client asks its next request when it has the answer to the one
before. Beside it: transformers' own ``generate`` on the same weights, one request after the other, and llama.cpp's
server on a GGUF file of the same weights where llama-cpp-python is installed and ``--gguf`` names one. Figures are
milliseconds a request, and requests a second. ``cost of constraining`` compares the two modes of one client: forced
tokens save passes, masks cost time.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
import numpy as np
from fastapi import FastAPI

from tests.http_app import serve_app
from workbench.actions import curate
from workbench.actions.content import open_workspace
from workbench.actions.models import resolve
from workbench.actions.serving import ServeSettings, Serving
from workbench.api import install
from workbench.records import Toolset
from workbench.store.database import Store

TOKENS = 64
REQUESTS = (
    "find all python files in my project",
    "ping the host build7 four times",
    "what time is it in Oslo",
    "thank you, that was all",
    "show me the largest folders on this disk",
    "open the settings and turn the volume down",
    "remind me tomorrow at nine to call Ann",
    "how many processes are running",
)


@dataclasses.dataclass(frozen=True)
class Figures:
    """Milliseconds a request and requests a second; ``refused`` were told to come back later."""

    p50: float
    p95: float
    p99: float
    per_second: float
    refused: int = 0

    @classmethod
    def of(cls, seconds: list[float], wall: float, refused: int = 0) -> Figures:
        p50, p95, p99 = (float(1000 * np.percentile(seconds, q)) for q in (50, 95, 99))
        return cls(p50, p95, p99, len(seconds) / wall, refused)


@contextmanager
def serve(serving: Serving, store: Store) -> Iterator[str]:
    """The workbench's API on a free port; gives its address."""
    app = FastAPI()
    install(app, store, serving)
    with serve_app(app, timeout_graceful_shutdown=1) as port:
        yield f"http://127.0.0.1:{port}"


def body_of(model: str, number: int, **more: Any) -> dict[str, Any]:
    """A request; numbered, so that no answer can be remembered."""
    said = f"{REQUESTS[number % len(REQUESTS)]} {number}"
    return {"model": model, "messages": [{"role": "user", "content": said}], "max_tokens": TOKENS, **more}


async def load(url: str, bodies: list[dict[str, Any]], clients: int) -> Figures:
    """So many clients ask until all bodies are answered; who is refused asks again."""
    waiting, seconds, refused = iter(bodies), [], 0
    async with httpx.AsyncClient(timeout=600, limits=httpx.Limits(max_connections=None)) as client:

        async def one() -> None:
            nonlocal refused
            for body in waiting:
                began = time.perf_counter()
                while (answer := await client.post(f"{url}/v1/chat/completions", json=body)).status_code == 429:
                    refused += 1
                    await asyncio.sleep(float(answer.headers["Retry-After"]))
                answer.raise_for_status()
                seconds.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(clients)))
        return Figures.of(seconds, time.perf_counter() - began, refused)


def one_by_one(store: Store, model: str, toolset: Toolset, count: int) -> Figures:
    """transformers' ``generate``, greedily, in the same number type."""
    import torch
    from transformers import GenerationConfig

    from workbench.dialects import get_dialect
    from workbench.inference.engine import load as load_model
    from workbench.inference.tokens import encode
    from workbench.records import Scenario
    from workbench.scenarios.messages import to_messages

    loaded = load_model(resolve(store, model))
    loaded.model.set_attn_implementation("sdpa")
    config = GenerationConfig(max_new_tokens=TOKENS, do_sample=False, eos_token_id=sorted(loaded.stops), pad_token_id=0)
    seconds, began = [], time.perf_counter()
    for number in range(count):
        start = time.perf_counter()
        scenario = Scenario("s", toolset.name, body_of(model, number)["messages"][0]["content"])
        text = get_dialect(loaded.dialect).render_prompt(to_messages(scenario, toolset), toolset.tools)
        ids = torch.tensor(encode(loaded.tokenizer, [text]), device=loaded.model.device)
        with torch.inference_mode():
            loaded.model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
        seconds.append(time.perf_counter() - start)
    return Figures.of(seconds, time.perf_counter() - began)


def llama_server(gguf: str, toolset: Toolset, clients: list[int], count: int) -> dict[str, Figures]:
    """llama-cpp-python's server, which answers one request after the other."""
    with tempfile.TemporaryFile() as log:
        port = "8089"
        command = [sys.executable, "-m", "llama_cpp.server", "--model", gguf, "--port", port, "--n_ctx", "8192"]
        child = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            while child.poll() is None and not _answers(f"{url}/v1/models"):
                time.sleep(0.2)
            if child.poll() is not None:
                log.seek(0)
                why = log.read().decode(errors="replace").strip().splitlines()[-1:]
                sys.stderr.write(f"llama.cpp's server did not start: {''.join(why)}\n")
                return {}
            tools = [{"type": "function", "function": tool.to_dict()["function"]} for tool in toolset.tools]
            bodies = [body_of(gguf, number, tools=tools, temperature=0) for number in range(count)]
            return {f"llama.cpp's server, {n} clients": asyncio.run(load(url, bodies, n)) for n in clients}
        finally:
            child.kill()
            child.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def measure(arguments: argparse.Namespace, store: Store) -> dict[str, Figures]:
    toolset = curate.toolset(store, arguments.toolset or curate.default_toolset(store))
    clients = [int(part) for part in arguments.clients.split(",")]
    serving = Serving(store, ServeSettings(models=(arguments.model,), toolset=toolset.name, traffic=False))
    found: dict[str, Figures] = {}
    try:
        with serve(serving, store) as url:
            # The first requests load the model, read its vocabulary, and compute the prompt's beginning.
            asyncio.run(load(url, [body_of(arguments.model, n, constrained=bool(n)) for n in range(2)], 1))
            for constrained in (True, False):
                for n in clients:
                    bodies = [body_of(arguments.model, at, constrained=constrained) for at in range(arguments.requests)]
                    name = f"{'constrained' if constrained else 'free'}, {n} clients"
                    found[name] = asyncio.run(load(url, bodies, n))
    finally:
        serving.close()
    if arguments.plain:
        found["transformers one by one"] = one_by_one(store, arguments.model, toolset, arguments.plain)
    if arguments.gguf and importlib.util.find_spec("llama_cpp"):
        found |= llama_server(arguments.gguf, toolset, clients, arguments.requests)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--toolset", default="")
    parser.add_argument("--workspace", type=Path, help="one that has the model's run")
    parser.add_argument("--clients", default="1,8,32")
    parser.add_argument("--requests", type=int, default=32, help="in each measurement")
    parser.add_argument("--plain", type=int, default=4, help="requests that transformers answers; 0 leaves it out")
    parser.add_argument("--gguf", default="", help="the same weights for llama.cpp's server")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with open_workspace(arguments.workspace or Path(tempfile.mkdtemp(prefix="serve-load-"))) as store:
        found = measure(arguments, store)
    if arguments.json:
        print(json.dumps({name: dataclasses.asdict(one) for name, one in found.items()}))
        return 0
    print(f"{'':32}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}{'per s':>8}{'429':>6}")
    for name, one in found.items():
        print(f"{name:32}{one.p50:10.0f}{one.p95:10.0f}{one.p99:10.0f}{one.per_second:8.2f}{one.refused:6}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
