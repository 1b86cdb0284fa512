"""OpenAI's routes: ``/v1/chat/completions``, ``/v1/models``, ``/v1/embeddings``; ``/v1/feedback``, ``/health`` and
``/metrics`` beside them. Errors have OpenAI's shape.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from workbench.actions.chat import Ask, NoModelError
from workbench.actions.embedding import encoder_name, read_embedding
from workbench.actions.serving import Serving, SlowError
from workbench.api.figures import Figures
from workbench.errors import WorkbenchError
from workbench.records import NO_TOOL, RecordError
from workbench.serving.process import BusyError, GoneError

Json = dict[str, Any]
RETRY_SECONDS = 1
LOOK_SECONDS = 0.25
"""How often it is looked whether the client is still there."""
_JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}
_EXTRAS = ("confidence", "latency_ms", "malformed", "problems", "prompt")
logger = logging.getLogger("workbench")


class _LongBodyError(WorkbenchError):
    """The body is larger than allowed."""


class _GoneClient(Exception):
    """The client closed the connection."""


def routes(serving: Serving) -> APIRouter:
    """The routes on one ``Serving``."""
    router, desk = APIRouter(), _Desk(serving)

    @router.post("/v1/chat/completions", openapi_extra=_JSON_BODY)
    async def chat(request: Request) -> Response:
        return await desk.guarded(desk.chat(request))

    @router.post("/v1/embeddings", openapi_extra=_JSON_BODY)
    async def embeddings(request: Request) -> Response:
        return await desk.guarded(desk.embeddings(request))

    @router.post("/v1/feedback", openapi_extra=_JSON_BODY)
    async def feedback(request: Request) -> Response:
        return await desk.guarded(desk.feedback(request))

    @router.post("/api/serving/warm", openapi_extra=_JSON_BODY)
    async def warm(request: Request) -> Response:
        return await desk.guarded(desk.warm(request))

    @router.get("/v1/models")
    def models() -> Json:
        found = serving.models()
        rows = [_model_row(name, model.label) | {"engine": engine} for name, model, engine in found]
        if encoder := serving.settings.encoder:
            rows.append(_model_row(encoder_name(encoder), "encoder"))
        return {"object": "list", "data": rows}

    @router.get("/health")
    def health() -> Json:
        return serving.health()

    @router.get("/metrics")
    def metrics() -> Response:
        return Response(
            desk.figures.text(serving.process.waiting, serving.process.pid), media_type="text/plain; version=0.0.4"
        )

    return router


def _model_row(name: str, owner: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}


class _Desk:
    def __init__(self, serving: Serving) -> None:
        self.serving, self.figures = serving, Figures()

    async def guarded(self, answering: Any) -> Response:
        """The answer, or the error in OpenAI's shape; either is counted."""
        began = time.perf_counter()
        try:
            answer: Response = await answering
        except Exception as error:
            answer = _explain(error)
        self.figures.count(answer.status_code, time.perf_counter() - began)
        return answer

    async def chat(self, request: Request) -> Response:
        body = await self.body(request)
        ask = await run_in_threadpool(self.serving.read, body)
        completion = f"chatcmpl-{secrets.token_hex(12)}"
        if ask.wish["stream"]:
            events = self.serving.answer(ask)
            # The first event before the status is sent: a full queue must be a 429, not a broken stream.
            first = await anext(events)
            return StreamingResponse(self.stream(first, events, ask, body, completion), media_type="text/event-stream")
        decisions = await self.decisions(ask, request)
        await run_in_threadpool(self.serving.record, completion, ask, body, decisions)
        return JSONResponse(_completion(completion, ask, decisions))

    async def body(self, request: Request) -> Any:
        """The JSON value of a request's body.

        Raises:
            RecordError: it is no JSON.
            SlowError: it did not arrive in time.
        """
        settings = self.serving.settings
        try:
            async with asyncio.timeout(settings.body_seconds):
                raw = await _read(request, settings.body_bytes)
        except TimeoutError as error:
            limit = f"{settings.body_seconds:g} seconds"
            raise SlowError(f"The body did not arrive within {limit}.", "Send it again.") from error
        return _parsed(raw)

    async def decisions(self, ask: Ask, request: Request) -> list[Json]:
        """The decisions; when the client goes away they are taken back."""
        asked = asyncio.ensure_future(self.last_event(ask))
        try:
            while not asked.done():
                await asyncio.wait([asked], timeout=LOOK_SECONDS)
                if not asked.done() and await request.is_disconnected():
                    raise _GoneClient
            return (await asked)["decisions"]
        finally:
            asked.cancel()

    async def last_event(self, ask: Ask) -> Json:
        last: Json = {}
        async with aclosing(self.serving.answer(ask)) as events:
            async for event in events:
                last = event
        self.figures.tokens(last["decisions"])
        return last

    async def stream(
        self, first: Json, events: AsyncIterator[Json], ask: Ask, body: Json, completion: str
    ) -> AsyncIterator[str]:
        """Server-sent events: text while it grows, calls when they are whole."""
        sent: dict[int, str] = {}
        async with aclosing(events):  # type: ignore[type-var]
            for row in range(ask.wish["count"]):
                yield _chunk(completion, ask, row, {"role": "assistant", "content": ""})
            event: Json | None = first
            try:
                while event is not None:
                    if "text" in event:
                        for piece in _grown(sent, event["row"], _sayable(event["text"])):
                            yield _chunk(completion, ask, event["row"], {"content": piece})
                    else:
                        await run_in_threadpool(self.serving.record, completion, ask, body, event["decisions"])
                        self.figures.tokens(event["decisions"])
                        for line in _last_chunks(completion, ask, event["decisions"], sent):
                            yield line
                    event = await anext(events, None)
            except (WorkbenchError, RuntimeError) as error:
                yield f"data: {bytes(_explain(error).body).decode()}\n\n"
        yield "data: [DONE]\n\n"

    async def embeddings(self, request: Request) -> Response:
        ask = read_embedding(await self.body(request), self.serving.settings.encoder)
        found = await self.serving.embed(ask.texts)
        rows = [{"object": "embedding", "index": i, "embedding": one} for i, one in enumerate(ask.shaped(found))]
        usage = {"prompt_tokens": found["tokens"], "total_tokens": found["tokens"]}
        return JSONResponse({"object": "list", "data": rows, "model": ask.model, "usage": usage})

    async def warm(self, request: Request) -> Response:
        body = await self.body(request)
        if not isinstance(body, dict) or not isinstance(body.get("model"), str):
            raise RecordError("model", "must be text")
        await self.serving.warm(body["model"])
        return JSONResponse({"model": body["model"], "ready": True})

    async def feedback(self, request: Request) -> Response:
        body = await self.body(request)
        known = ("id", "verdict", "comment", "expected")
        if not isinstance(body, dict) or any(key not in known for key in body):
            raise RecordError("", f"the body must be an object with {', '.join(known)}")
        for key in known[:3]:
            if not isinstance(body.get(key, "" if key == "comment" else None), str):
                raise RecordError(key, "must be text")
        return JSONResponse(await run_in_threadpool(lambda: self.serving.feedback(**_renamed(body))))


def _renamed(body: Mapping[str, Any]) -> Json:
    return {"completion" if key == "id" else key: value for key, value in body.items()}


async def _read(request: Request, most: int) -> bytes:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > most:
            raise _LongBodyError(f"The body is larger than {most >> 20} MB.", "Send less at a time.")
    return raw


def _parsed(raw: bytes) -> Any:
    try:
        read = json.loads(raw)
        # Half characters cannot be written as UTF-8 anywhere.
        json.dumps(read, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise RecordError("", "the body is not JSON") from error
    return read


def _completion(completion: str, ask: Ask, decisions: list[Json]) -> Json:
    return {
        **_head(completion, ask, "chat.completion"),
        "choices": [_choice(row, decision) for row, decision in enumerate(decisions)],
        "usage": _usage(decisions),
    }


def _usage(decisions: list[Json]) -> Json:
    prompt, written = decisions[0]["prompt_tokens"], sum(one["completion_tokens"] for one in decisions)
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def _head(completion: str, ask: Ask, kind: str) -> Json:
    return {"id": completion, "object": kind, "created": int(time.time()), "model": ask.name}


def _choice(row: int, decision: Json) -> Json:
    calls = _tool_calls(decision)
    message: Json = {"role": "assistant", "content": _said(decision) or None, "refusal": None}
    return {
        "index": row,
        "message": {**message, **({"tool_calls": calls} if calls else {})},
        "finish_reason": _finish(decision),
        "logprobs": _logprobs(decision),
        # What clients of OpenAI's API do not know and leave alone.
        "router": {key: decision[key] for key in _EXTRAS if key in decision},
    }


def _logprobs(decision: Json) -> Json | None:
    """Each token's, with its bytes where it is whole characters."""
    if "logprobs" not in decision:
        return None

    def shaped(one: Json) -> Json:
        return {**one, "bytes": None if "\ufffd" in one["token"] else list(one["token"].encode())}

    rows = [{**shaped(one), "top_logprobs": list(map(shaped, one["top_logprobs"]))} for one in decision["logprobs"]]
    return {"content": rows, "refusal": None}


def _said(decision: Json) -> str:
    """Text, NO_TOOL when there is neither text nor a call, and the raw reply where it could not be read."""
    if decision["malformed"]:
        return str(decision["raw"])
    return str(decision["text"] or ("" if decision["calls"] else NO_TOOL))


def _finish(decision: Json) -> str:
    return {"calls": "tool_calls", "length": "length"}.get(decision["finish"], "stop")


def _tool_calls(decision: Json) -> list[Json]:
    return [
        {
            "id": f"call_{secrets.token_hex(8)}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)},
        }
        for call in decision["calls"]
    ]


def _sayable(raw: str) -> str:
    """The beginning of a growing reply that is text for certain: no control token and no call begins in it."""
    cut = min((at for at in (raw.find("<"), raw.find("{"), raw.find("\ufffd")) if at >= 0), default=len(raw))
    return raw[:cut].strip() if cut < len(raw) else raw.lstrip()


def _grown(sent: dict[int, str], row: int, text: str) -> list[str]:
    before = sent.get(row, "")
    if len(text) <= len(before) or not text.startswith(before):
        return []
    sent[row] = text
    return [text[len(before) :]]


def _last_chunks(completion: str, ask: Ask, decisions: list[Json], sent: dict[int, str]) -> list[str]:
    lines = []
    for row, decision in enumerate(decisions):
        lines += [_chunk(completion, ask, row, {"content": piece}) for piece in _grown(sent, row, _said(decision))]
        for at, call in enumerate(_tool_calls(decision)):
            head = {**call, "index": at, "function": {"name": call["function"]["name"], "arguments": ""}}
            rest = {"index": at, "function": {"arguments": call["function"]["arguments"]}}
            lines += [_chunk(completion, ask, row, {"tool_calls": [part]}) for part in (head, rest)]
        lines.append(_chunk(completion, ask, row, {}, decision))
    if ask.usage:
        rows = {**_head(completion, ask, "chat.completion.chunk"), "choices": [], "usage": _usage(decisions)}
        lines.append(f"data: {json.dumps(rows)}\n\n")
    return lines


def _chunk(completion: str, ask: Ask, row: int, delta: Json, ended: Json | None = None) -> str:
    """One event. The last one of a reply, with its decision, tells why it ended, and its tokens' probabilities."""
    choice: Json = {"index": row, "delta": delta, "finish_reason": _finish(ended) if ended else None}
    if ended and "logprobs" in ended:
        choice["logprobs"] = _logprobs(ended)
    return f"data: {json.dumps({**_head(completion, ask, 'chat.completion.chunk'), 'choices': [choice]})}\n\n"


def _explain(error: Exception) -> Response:
    if isinstance(error, NoModelError):
        return _error(404, str(error), "model", "model_not_found")
    if isinstance(error, RecordError):
        return _error(400, str(error), error.path or None, "invalid_request")
    if isinstance(error, BusyError):
        return _error(429, str(error), None, "busy", {"Retry-After": str(RETRY_SECONDS)})
    if isinstance(error, SlowError):
        return _error(408, str(error), None, "timeout", {"Connection": "close"})
    if isinstance(error, GoneError):
        return _error(503, str(error), None, "model_gone", {"Retry-After": str(RETRY_SECONDS)})
    if isinstance(error, _LongBodyError):
        return _error(413, str(error), None, "too_large", {"Connection": "close"})
    if isinstance(error, WorkbenchError):
        return _error(400, str(error), None, "invalid_request")
    if isinstance(error, (_GoneClient, ClientDisconnect)):
        return _error(499, "The client went away.", None, "cancelled")
    logger.error("Answering failed.", exc_info=error)
    return _error(500, "Something went wrong here; the log says what.", None, "internal")


def _error(
    status: int, message: str, param: str | None, code: str, headers: Mapping[str, str] | None = None
) -> Response:
    kind = "invalid_request_error" if status < 429 else "server_error"
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return JSONResponse(body, status, dict(headers or {}))
