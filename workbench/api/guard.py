"""Who may talk to the server: Host, Origin, key, size and pace of every request, Gradio's own included.

A page on another site can send requests to 127.0.0.1, and with DNS rebinding even read the answers; Gradio checks
neither. Knows no routes and no store.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
MAX_REQUEST_BYTES = 256 * 1024 * 1024
IDLE_SECONDS = 30.0


@dataclass(frozen=True)
class Policy:
    """What the guard lets through.

    Attributes:
        hosts: names that the Host header may hold; empty allows any (only sensible where a login is demanded).
        keys: accepted API keys. A key that is given must be one of them.
        key_required: whether API routes demand a key.
        max_bytes: largest request body.
        idle_seconds: longest wait for the next piece of a body.
    """

    hosts: Sequence[str] = LOOPBACK_HOSTS
    keys: Sequence[str] = ()
    key_required: bool = False
    max_bytes: int = MAX_REQUEST_BYTES
    idle_seconds: float = IDLE_SECONDS


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
            await _Exchange(self.policy, receive, send).run(self.app, scope)
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
    length = headers.get("content-length") or "0"
    if not (length.isascii() and length.isdecimal()):
        return Refusal(400, "The header Content-Length is no number.", "Send the number of bytes, or leave it out.")
    if int(length[:20]) > policy.max_bytes:
        return _too_large(policy)
    if _is_api(path) and not _key_is_right(headers.get("authorization"), policy):
        hint = "Send 'Authorization: Bearer KEY' with the key in WORKBENCH_API_KEY or in runs/app.json."
        return Refusal(401, "The API key is missing or wrong.", hint)
    return None


def _too_large(policy: Policy) -> Refusal:
    return Refusal(413, f"The request is larger than {policy.max_bytes >> 20} MB.", "Split the file.")


def _is_api(path: str) -> bool:
    return path in ("/metrics", "/health") or any(
        path == root or path.startswith(f"{root}/") for root in ("/api", "/v1")
    )


def _key_is_right(authorization: str | None, policy: Policy) -> bool:
    if authorization is None:
        return not policy.key_required
    given = authorization.removeprefix("Bearer ").strip().encode()
    # All are compared, each in constant time: how long it takes tells nothing about them.
    return any([hmac.compare_digest(given, key.encode()) for key in policy.keys])


def _hostname(host: str) -> str:
    """Host header without its port, ``[::1]`` without its brackets; empty when it is not one."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


class _Exchange:
    """One request whose body is measured while it arrives: too much of it, or too slow, and it is refused after all."""

    def __init__(self, policy: Policy, receive: Receive, send: Send) -> None:
        self._policy, self._receive, self._send = policy, receive, send
        self._seen, self._whole, self._began = 0, False, False
        self._refusal: Refusal | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        if scope["type"] == "websocket":
            await app(scope, self._receive, self._send)
            return
        try:
            await app(scope, self.receive, self.send)
        except Exception:
            # What a handler says about a body that we cut off is no news.
            if self._refusal is None:
                raise
        if self._refusal and not self._began:
            await _refuse(self._refusal, self._send)

    async def receive(self) -> Message:
        if self._whole:
            # The body is there: what comes now, whenever, is that the client leaves.
            return await self._receive()
        try:
            async with asyncio.timeout(self._policy.idle_seconds):
                message = await self._receive()
        except TimeoutError:
            limit = f"{self._policy.idle_seconds:g} seconds"
            return self._cut(Refusal(408, f"Nothing of the request came for {limit}.", "Send it again."))
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            self._whole = not message.get("more_body")
        return message if self._seen <= self._policy.max_bytes else self._cut(_too_large(self._policy))

    async def send(self, message: Message) -> None:
        """What the app answers, unless its request was refused meanwhile."""
        if self._refusal is None or self._began:
            self._began = True
            await self._send(message)

    def _cut(self, refusal: Refusal) -> Message:
        self._refusal = self._refusal or refusal
        return {"type": "http.disconnect"}


async def _refuse(refusal: Refusal, send: Send) -> None:
    error = {"message": refusal.message, "hint": refusal.hint, "type": "workbench_error"}
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    # The rest of a body that nobody reads must not be taken for the next request.
    headers += [(b"connection", b"close")] if refusal.status in (408, 413) else []
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
