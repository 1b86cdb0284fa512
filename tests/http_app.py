"""The HTTP API of a store, answered by a real server in a thread."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from workbench.api import install
from workbench.store import Store


@contextmanager
def serve_api(store: Store) -> Iterator[str]:
    """Its address, while it answers."""
    app = FastAPI()
    install(app, store)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
