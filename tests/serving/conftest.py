"""A real server with a real process that holds models, shared by the tests of serving."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import openai
import pytest
from fastapi import FastAPI

from tests.http_app import serve_app
from tests.small_models import BERT_WORDS, FAMILIES, make_bert
from tests.small_workspace import open_small
from workbench.actions.serving import ServeSettings, Serving
from workbench.api import Guard, Policy, install

KEY = "secret"


class Served:
    """A server in a thread, and the way to it. Its process for models starts with the first request for one."""

    def __init__(self, root: Path, settings: ServeSettings, policy: Policy) -> None:
        self.store = open_small(root)
        self.serving = Serving(self.store, settings)
        app = FastAPI(openapi_url="/api/openapi.json")
        install(app, self.store, self.serving)
        app.add_middleware(Guard, policy=policy)
        self.running = ExitStack()
        self.port = self.running.enter_context(serve_app(app, log_level="warning", timeout_graceful_shutdown=1))
        self.url, (self.key, *_) = f"http://127.0.0.1:{self.port}", policy.keys
        self.client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0, timeout=300)

    def ask(self, text: str = "please ping host7", **more):
        return self.client.chat.completions.create(
            model="starter", messages=[{"role": "user", "content": text}], **{"max_tokens": 60, **more}
        )

    def post(self, path: str, body: object = None, **options) -> httpx.Response:
        """``body`` as JSON; for other bodies ``content`` among the options."""
        given = {} if "content" in options else {"json": body}
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return httpx.post(f"{self.url}{path}", headers=headers, timeout=300, **given, **options)

    @property
    def root(self) -> Path:
        """Where models are: folders gemma, qwen and llama are served."""
        return self.store.workspace.root

    def close(self) -> None:
        self.client.close()
        self.running.close()
        self.serving.close()
        self.store.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("served")
    make_bert(root / "encoder", BERT_WORDS)
    for family, make in FAMILIES.items():
        make(root / family)
    families = tuple(str(root / name) for name in FAMILIES)
    settings = ServeSettings(seconds=300, models=families, encoder=str(root / "encoder"))
    found = Served(root, settings, Policy(keys=(KEY,)))
    yield found
    found.close()
