"""How much may be asked of ``/v1``, on a real server: sizes, times, tokens, requests at once. No model is loaded."""

import json
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import held_model
from tests.serving.conftest import Served
from workbench.actions.serving import ServeSettings, Serving
from workbench.api import Policy
from workbench.serving import process

KEY = "key-that-nobody-else-has"
HEADERS = f"Host: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 100\r\n\r\n"
LIMITS = ServeSettings(models=("google/functiongemma-270m-it",), tokens=50, body_bytes=1 << 20, body_seconds=0.5)
ASK = {"model": "starter", "messages": [{"role": "user", "content": "hi"}]}


class Limited(Served):
    """A server that limits what may be asked, and bytes to it as they are."""

    def chat(self, body: object = None, **options) -> httpx.Response:
        return self.post("/v1/chat/completions", body, **options)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {self.key}"}, timeout=30)

    def raw(self, *pieces: bytes) -> str:
        """What the server says to bytes on a line that then stays open."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as line:
            for piece in pieces:
                line.sendall(piece)
            return b"".join(iter(lambda: line.recv(65536), b"")).decode()


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    policy = Policy((), (KEY,), key_required=True, max_bytes=2 << 20, idle_seconds=0.5)
    found = Limited(tmp_path_factory.mktemp("limited"), LIMITS, policy)
    yield found
    found.close()


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server whose model begins answers and holds them, longer than one may take."""
    monkeypatch.setattr(process, "COMMAND", (sys.executable, held_model.__file__))
    found = Served(tmp_path, ServeSettings(seconds=1.0), Policy(keys=(KEY,)))
    yield found
    found.close()


def error_of(answer: httpx.Response) -> dict:
    return {"status": answer.status_code, **answer.json()["error"]}


def test_an_answer_that_takes_too_long(held: Served):
    found = error_of(held.post("/v1/chat/completions", ASK))
    assert (found["status"], found["code"]) == (408, "timeout")
    lines = held.post("/v1/chat/completions", {**ASK, "stream": True}).text.split("\n\n")
    assert held_model.BEGUN in lines[1]
    assert '"code":"timeout"' in lines[-3] and lines[-2:] == ["data: [DONE]", ""], "a stream says so, and ends well"
    assert held.serving.process.waiting == 0


def test_a_body_that_is_too_large(limited: Limited):
    found = error_of(limited.chat(content=b" " * (1 << 20) + b"{}"))
    assert (found["status"], found["code"], found["type"]) == (413, "too_large", "invalid_request_error")
    assert limited.chat(content=b" " * ((2 << 20) + 1)).status_code == 413
    pieces = (b" " * (1 << 18) for _ in range(5))
    assert limited.chat(content=pieces).status_code == 413, "a body that does not say how long it is"


def test_a_body_that_is_slow(limited: Limited):
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 100\r\n\r\n"
    )
    for path in ("/v1/chat/completions", "/api/import"):
        answer = limited.raw(head.replace("/v1/chat/completions", path).encode(), b"{")
        assert answer.startswith("HTTP/1.1 408") and "error" in answer


def test_a_client_that_breaks_off_is_no_error_of_ours(limited: Limited, caplog: pytest.LogCaptureFixture):
    head = f"POST /v1/feedback HTTP/1.1\r\n{HEADERS}{{"
    with socket.create_connection(("127.0.0.1", limited.port)) as line:
        line.sendall(head.encode())
    end = time.monotonic() + 10
    while 'status="499"' not in limited.get("/metrics").text:
        assert time.monotonic() < end
    assert not caplog.records


def test_too_many_tokens(limited: Limited):
    for field in ("max_tokens", "max_completion_tokens"):
        found = error_of(limited.chat({**ASK, field: 51}))
        assert (found["status"], found["param"]) == (400, field) and "at most 50 tokens" in found["message"]
    assert limited.serving.read({**ASK, "max_tokens": 50}).wish["max_new_tokens"] == 50
    assert limited.serving.read(ASK).wish["max_new_tokens"] == 50, "who does not say gets no more either"


def test_too_many_requests_at_once(limited: Limited, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limited.serving.process, "_limit", 0)
    for path, body in (("/v1/chat/completions", ASK), ("/api/suggest", {"request": "find files", "machine": {}})):
        answer = limited.post(path, body)
        assert answer.status_code == 429 and answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/api/suggest", "/health", "/metrics"])
def test_without_the_key_nothing_is_answered(limited: Limited, path: str):
    url = f"{limited.url}{path}"
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": KEY[:-1]},
        {"Authorization": "Basic eA=="},
    ):
        assert httpx.get(url, headers=headers).status_code == 401
        assert httpx.post(url, headers=headers, content=json.dumps(ASK)).status_code == 401
    assert httpx.get(url, params={"api_key": KEY}).status_code == 401


def test_models_and_toolsets_of_the_settings(limited: Limited):
    assert "google/functiongemma-270m-it" in [row["id"] for row in limited.get("/v1/models").json()["data"]]
    found = error_of(limited.chat({**ASK, "model": "other"}))
    assert (found["status"], found["code"]) == (404, "model_not_found")
    with_toolset = Serving(limited.store, ServeSettings(toolsets={"starter": "no such"}))
    with pytest.raises(Exception, match="no such"):
        with_toolset.read(ASK)


def test_nothing_secret_is_logged(
    limited: Limited,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
):
    """Neither keys, right or wrong, nor what people ask for, not even where answering fails."""

    async def broken(ask):
        raise RuntimeError("the model broke")
        yield

    monkeypatch.setattr(limited.serving, "answer", broken)
    caplog.set_level("DEBUG", logger="workbench")
    said = {**ASK, "messages": [{"role": "user", "content": "my salary is 4711"}]}
    assert limited.chat(said).status_code == 500
    assert limited.chat({**said, "stream": True}).status_code == 500
    assert limited.chat({**said, "temperature": "my salary"}).status_code == 400
    assert limited.chat(content=b"my salary is 4711").status_code == 400
    assert limited.post("/api/suggest", {"request": ["my salary"]}).status_code == 400
    assert limited.chat(said, headers={"Authorization": "Bearer guessed-key"}).status_code == 401
    assert limited.raw(b"my salary\r\n\r\n").startswith("HTTP/1.1 400")
    logged = caplog.text + "".join(capfd.readouterr())
    assert "the model broke" in logged, "what went wrong is logged"
    for secret in (KEY, "guessed-key", "salary", "4711"):
        assert secret not in logged
