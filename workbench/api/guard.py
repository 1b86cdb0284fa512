"""Who may talk to the server: Host, Origin, key and size of every request, Gradio's own included.

A page on another site can send requests to 127.0.0.1, and with DNS rebinding even read the answers; Gradio checks
neither. Knows no routes and no store.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
MAX_REQUEST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Policy:
    """What the guard lets through.

    Attributes:
        hosts: names that the Host header may hold; empty allows any (only sensible where a login is demanded).
        keys: accepted API keys. A key that is given must be one of them.
        key_required: whether API routes demand a key.
        max_bytes: largest request body.
    """

    hosts: Sequence[str] = LOOPBACK_HOSTS
    keys: Sequence[str] = ()
    key_required: bool = False
    max_bytes: int = MAX_REQUEST_BYTES


@dataclass(frozen=True)
class Refusal:
    """Why a request does not get through."""

    status: int
    message: str
    hint: str


class Guard:
    """ASGI middleware that applies a Policy to HTTP and WebSocket requests alike."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self.app, self.policy = app, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = check(scope["path"], Headers(scope=scope), self.policy)
        if refusal is None:
            await self.app(scope, _limited(receive, self.policy.max_bytes), send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.message})
        else:
            await _refuse(refusal, send)


def check(path: str, headers: Headers, policy: Policy) -> Refusal | None:
    """The reason to refuse a request, or None."""
    host = headers.get("host", "")
    if policy.hosts and _hostname(host) not in policy.hosts:
        return Refusal(403, f"This server does not answer to the name '{host}'.", "Open it as http://127.0.0.1.")
    origin = headers.get("origin")
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        return Refusal(403, "Another website tried to use this server.", "Open the workbench's own page instead.")
    if int(headers.get("content-length") or 0) > policy.max_bytes:
        return Refusal(413, f"The request is larger than {policy.max_bytes >> 20} MB.", "Split the file.")
    if _is_api(path) and not _key_is_right(headers.get("authorization"), policy):
        hint = "Send 'Authorization: Bearer KEY' with the key in WORKBENCH_API_KEY or in runs/app.json."
        return Refusal(401, "The API key is missing or wrong.", hint)
    return None


def _is_api(path: str) -> bool:
    return path == "/metrics" or any(path == root or path.startswith(f"{root}/") for root in ("/api", "/v1"))


def _key_is_right(authorization: str | None, policy: Policy) -> bool:
    if authorization is None:
        return not policy.key_required
    given = authorization.removeprefix("Bearer ").strip().encode()
    return any(hmac.compare_digest(given, key.encode()) for key in policy.keys)


def _hostname(host: str) -> str:
    """Host header without its port, ``[::1]`` without its brackets; empty when it is not one."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _limited(receive: Receive, max_bytes: int) -> Receive:
    """``receive`` that ends the body of a request which did not say how long it is and turns out too long."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b"")) if message["type"] == "http.request" else 0
        return message if seen <= max_bytes else {"type": "http.disconnect"}

    return limited


async def _refuse(refusal: Refusal, send: Send) -> None:
    error = {"message": refusal.message, "hint": refusal.hint, "type": "workbench_error"}
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
