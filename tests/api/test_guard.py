"""Who gets through to the server. The guard sees only headers, so a bare ASGI app stands in for the rest."""

import asyncio

import pytest
from starlette.datastructures import Headers

from tests.aside import run_aside
from workbench.api import guard
from workbench.api.guard import Guard, Policy, check

LOCAL = Policy(keys=("secret",))
OPEN = Policy(hosts=(), keys=("secret", "other"), key_required=True)


def verdict(path: str = "/api/status", policy: Policy = LOCAL, **headers: str) -> int:
    """Status of the refusal, 0 when there is none; ``_`` stands for ``-``."""
    found = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    refusal = check(path, Headers(found), policy)
    return refusal.status if refusal else 0


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "LOCALHOST:1", "[::1]:7860"])
def test_names_of_this_computer_are_fine(host):
    assert verdict(host=host) == 0


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:7860", "", "[::1", "127.0.0.1@evil.example"])
def test_other_names_are_not(host):
    assert verdict(host=host) == 403 and verdict("/", host=host) == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:7860", "", "http://[::1"]
)
def test_other_origins_are_refused_on_every_route(origin):
    assert verdict(origin=origin) == 403
    assert verdict("/gradio_api/queue/join", origin=origin) == 403


def test_the_own_origin_is_fine():
    assert verdict(origin="http://127.0.0.1:7860") == 0


def test_keys():
    assert verdict() == 0
    assert verdict(authorization="Bearer secret") == 0
    assert verdict(authorization="Bearer wrong") == 401
    assert verdict(policy=OPEN, host="lab.example") == 401
    assert verdict(policy=OPEN, host="lab.example", authorization="Bearer other") == 0
    assert verdict(policy=OPEN, host="lab.example", authorization="Bearer ") == 401
    assert verdict("/", policy=OPEN, host="lab.example") == 0
    assert verdict("/apiary", policy=OPEN) == 0
    assert verdict("/api", policy=OPEN) == 401


def test_size():
    assert verdict(policy=Policy(max_bytes=10), content_length="11") == 413
    assert verdict(policy=Policy(max_bytes=10), content_length="10") == 0


def run_guard(scope: dict, messages: list[dict], policy: Policy) -> tuple[list[dict], list[dict]]:
    """What the app behind the guard received, and what the client was sent."""
    received, sent = [], []

    async def app(scope, receive, send):
        while True:
            received.append(await receive())
            if not received[-1].get("more_body"):
                return

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    run_aside(lambda: Guard(app, policy)(scope, receive, send))
    return received, sent


def scope_of(kind: str, host: str) -> dict:
    return {"type": kind, "path": "/api/import", "headers": [(b"host", host.encode())]}


def test_a_body_that_does_not_say_its_length_is_cut_off():
    part = {"type": "http.request", "body": b"x" * 6, "more_body": True}
    received, _ = run_guard(scope_of("http", "localhost"), [part, part, part], Policy(max_bytes=10))
    assert [message["type"] for message in received] == ["http.request", "http.disconnect"]


def test_websockets_are_guarded_too():
    received, sent = run_guard(scope_of("websocket", "evil.example"), [{"type": "websocket.connect"}], LOCAL)
    assert received == [] and sent[0]["type"] == "websocket.close"


def test_a_refusal_is_answered_as_json():
    received, sent = run_guard(scope_of("http", "evil.example"), [], LOCAL)
    assert received == [] and sent[0]["status"] == 403 and b'"workbench_error"' in sent[1]["body"]


def test_the_lifespan_passes():
    received, _ = run_guard({"type": "lifespan"}, [{"type": "lifespan.startup"}], LOCAL)
    assert received


def test_health_and_metrics_are_for_those_with_a_key():
    for path in ("/health", "/metrics", "/v1/models"):
        assert verdict(path, policy=OPEN) == 401 and verdict(path, policy=OPEN, authorization="Bearer other") == 0
    assert verdict("/healthy", policy=OPEN) == 0


@pytest.mark.parametrize("length", ["-1", "1e3", "x", "²", "1,1"])
def test_a_length_that_is_no_number(length):
    assert verdict(content_length=length) == 400


def test_a_length_beyond_all_numbers():
    assert verdict(content_length="9" * 5000) == 413


def test_keys_are_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(guard.hmac, "compare_digest", lambda a, b: compared.append(b) or a == b)
    assert verdict(policy=OPEN, authorization="Bearer secret") == 0
    assert compared == [b"secret", b"other"], "the second is compared although the first was right"


def test_a_body_that_turns_out_too_long_is_refused_in_words():
    part = {"type": "http.request", "body": b"x" * 6, "more_body": True}
    _, sent = run_guard(scope_of("http", "localhost"), [part, part], Policy(max_bytes=10))
    assert sent[0]["status"] == 413 and (b"connection", b"close") in sent[0]["headers"]
    assert b"Split the file" in sent[1]["body"]


def behind(app, receive, policy: Policy = LOCAL) -> list[dict]:
    """What a client is sent by an app behind the guard."""
    sent = []

    async def send(message):
        sent.append(message)

    run_aside(lambda: Guard(app, policy)(scope_of("http", "localhost"), receive, send))
    return sent


async def never() -> dict:
    await asyncio.Event().wait()
    raise AssertionError


async def reader(scope, receive, send):
    """An app as frameworks are: it breaks when a client leaves, and answers that with an error of its own."""
    message = await receive()
    if message["type"] == "http.disconnect":
        await send({"type": "http.response.start", "status": 500, "headers": []})
        raise RuntimeError("the client left")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    # Long after the body: whoever waits for an answer may be silent.
    assert await receive() == {"type": "http.disconnect"}
    await send({"type": "http.response.body", "body": b"done"})


def test_a_body_that_does_not_come():
    sent = behind(reader, never, Policy(idle_seconds=0.02))
    assert [message.get("status") for message in sent] == [408, None]


def test_a_client_that_waits_for_its_answer_is_left_alone():
    messages = [{"type": "http.request", "body": b"x"}]

    async def receive():
        if messages:
            return messages.pop()
        await asyncio.sleep(0.1)
        return {"type": "http.disconnect"}

    sent = behind(reader, receive, Policy(idle_seconds=0.02))
    assert [message.get("status") for message in sent] == [200, None]


def test_an_error_of_the_app_is_its_own():
    async def broken(scope, receive, send):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        behind(broken, never)
