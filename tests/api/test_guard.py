"""Who gets through to the server. The guard sees only headers, so a bare ASGI app stands in for the rest."""

import asyncio

import pytest
from starlette.datastructures import Headers

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

    asyncio.run(Guard(app, policy)(scope, receive, send))
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
