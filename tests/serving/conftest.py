"""A real server with a real process that holds models, shared by the tests of serving."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
import uvicorn
from fastapi import FastAPI

from tests.small_models import BERT_WORDS, FAMILIES, make_bert
from tests.small_workspace import open_small
from workbench.actions.serving import ServeSettings, Serving
from workbench.api import Guard, Policy, install

KEY = "secret"


class Served:
    """A server in a thread, and the way to it."""

    def __init__(self, root: Path) -> None:
        self.store = open_small(root)
        make_bert(root / "encoder", BERT_WORDS)
        for family, make in FAMILIES.items():
            make(root / family)
        families = tuple(str(root / name) for name in FAMILIES)
        settings = ServeSettings(seconds=300, models=families, encoder=str(root / "encoder"))
        self.serving = Serving(self.store, settings)
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

    def post(self, path: str, body) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=300)

    @property
    def root(self) -> Path:
        """Where models are: folders gemma, qwen and llama are served."""
        return self.store.workspace.root

    def close(self) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join()
        self.serving.close()
        self.store.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    found = Served(tmp_path_factory.mktemp("served"))
    yield found
    found.close()
