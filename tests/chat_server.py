"""A real HTTP server on this computer that answers like a chat endpoint, well or badly, as a test tells it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-right-key"


@dataclass
class ChatServer:
    """``answer`` gets a handler and the request's JSON; ``requests`` are those that came, in order."""

    answer: Callable[[Any, dict[str, Any]], None]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"


def completion(text: str, prompt_tokens: int = 100, completion_tokens: int = 20) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens},
    }


def send(handler: Any, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def send_json(handler: Any, data: Any, status: int = 200, **headers: str) -> None:
    send(handler, status, json.dumps(data).encode(), **headers)


@contextmanager
def serve(answer: Callable[[Any, dict[str, Any]], None]) -> Iterator[ChatServer]:
    state = ChatServer(answer)
    lock = threading.Lock()
    under_way = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            nonlocal under_way
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                under_way += 1
                state.most_at_once = max(state.most_at_once, under_way)
                state.requests.append({"path": self.path, **body})
                state.headers.append(dict(self.headers))
            try:
                state.answer(self, body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                with lock:
                    under_way -= 1

        def do_GET(self):
            state.answer(self, {})

        def log_message(self, *args):
            """Tests' output stays clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def hang(state: ChatServer) -> Callable[[Any, dict[str, Any]], None]:
    """Says nothing until the server closes."""
    return lambda handler, body: void(state.closing.wait(30))


def void(value: object) -> None:
    """Throw a value away."""


def drip(handler: Any, body: dict[str, Any]) -> None:
    """A body that never ends, a byte at a time."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(3000):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.01)
