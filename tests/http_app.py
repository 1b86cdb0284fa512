"""Apps answered by a real server in a thread, for tests and benchmarks."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from workbench.api import install
from workbench.store import Store


@contextmanager
def serve_app(app: FastAPI, **options: Any) -> Iterator[int]:
    """The port of 127.0.0.1 at which it answers meanwhile; ``options`` are uvicorn's."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, **{"log_level": "error", **options}))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def serve_api(store: Store) -> Iterator[str]:
    """The address of a store's HTTP API, while it answers."""
    app = FastAPI()
    install(app, store)
    with serve_app(app) as port:
        yield f"http://127.0.0.1:{port}"
