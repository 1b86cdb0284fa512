"""One client for every endpoint that speaks OpenAI's ``/chat/completions``. Knows HTTP; knows no scenarios.

An endpoint is somebody else's machine: it may be slow, busy, down, or no chat endpoint at all. What it does wrong is an
answer, too: ``complete`` returns a ``Completion`` or a ``ChatFailure`` and raises only for settings that cannot work.

The form of requests and answers is https://platform.openai.com/docs/api-reference/chat/create, without streaming.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import httpx

from workbench.errors import Problem, WorkbenchError

FailureKind = Literal[
    "timeout",
    "connection",
    "refused_key",
    "status",
    "truncated",
    "endless",
    "html",
    "half_json",
    "not_json",
    "not_chat",
    "cancelled",
]
RETRIED_KINDS: tuple[FailureKind, ...] = ("timeout", "connection", "truncated")
RETRIED_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
HOPELESS_STATUSES = frozenset({400, 401, 402, 403, 404, 405, 422})
"""Statuses that the next request of the same kind would meet again."""
MAX_BYTES = 8 << 20
SHOWN_CHARACTERS = 200
LONGEST_WAIT_S = 120.0
T = TypeVar("T")


@dataclass(frozen=True)
class Endpoint:
    """Where a chat model answers and how patiently to ask.

    Attributes:
        base_url: address in front of ``/chat/completions``, such as ``http://127.0.0.1:8000/v1``.
        model: name that the endpoint gives the model.
        key_env: name of the environment variable that holds the key; empty sends none. The key itself is never kept.
        timeout_s: seconds that one attempt may take from the first byte sent to the last received.
        retries: further attempts after a failure that may pass.
        concurrency: requests under way at once.
        backoff_s: seconds before the first retry; doubles with each, unless the endpoint says how long to wait.
    """

    base_url: str
    model: str
    key_env: str = ""
    timeout_s: float = 120.0
    retries: int = 4
    concurrency: int = 4
    backoff_s: float = 1.0

    @property
    def url(self) -> str:
        return f"{self.base_url.rstrip('/').removesuffix('/chat/completions')}/chat/completions"

    def check(self) -> list[Problem]:
        """What cannot work, by field; empty when a request may be tried."""
        problems = []
        if not _is_web_address(self.base_url):
            hint = "Write it as https://host/v1."
            problems.append(Problem("is not an http or https address", "base_url", hint=hint))
        if not self.model.strip():
            problems.append(Problem("is empty", "model", hint="Write the name the endpoint gives its model."))
        if self.key_env and not os.environ.get(self.key_env, "").strip():
            hint = f"Set {self.key_env} where the workbench is started, or name another variable."
            problems.append(Problem(f"the environment variable '{self.key_env}' is not set", "key_env", hint=hint))
        ranges = (("timeout_s", 0.001, 3600), ("retries", 0, 20), ("concurrency", 1, 64), ("backoff_s", 0, 60))
        for name, low, high in ranges:
            if not low <= getattr(self, name) <= high:
                problems.append(Problem("is out of range", name, hint=f"Choose a number from {low:g} to {high}."))
        return problems

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Endpoint:
        """Unknown keys are passed over. Raises WorkbenchError when a field is missing or of the wrong type."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        for name, value in known.items():
            wanted: tuple[type, ...] = (str,) if name in ("base_url", "model", "key_env") else (int, float)
            whole = name in ("retries", "concurrency")
            if not isinstance(value, wanted) or isinstance(value, bool) or (whole and not isinstance(value, int)):
                kind = "text" if wanted == (str,) else "a whole number" if whole else "a number"
                raise WorkbenchError(f"{name} of the endpoint must be {kind}.")
        if missing := [name for name in ("base_url", "model") if name not in known]:
            raise WorkbenchError(f"The endpoint has no {missing[0]}.")
        return cls(**known)


@dataclass(frozen=True)
class Usage:
    """Tokens as the endpoint counted them; ``told`` is False when it did not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    told: bool = False

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.told or other.told,
        )


@dataclass(frozen=True)
class Completion:
    """What the model answered.

    Attributes:
        text: the message's content; empty when it has none, as beside tool calls.
        message: the whole assistant message as it came, ``tool_calls`` included.
        finish_reason: ``stop``, ``length``, ``tool_calls`` …; empty when not told.
        latency_ms: wall-clock milliseconds of the attempt that succeeded.
        attempts: how many were made, 1 when the first succeeded.
    """

    text: str
    message: Mapping[str, Any]
    usage: Usage
    finish_reason: str
    latency_ms: float
    attempts: int = 1


@dataclass(frozen=True)
class ChatFailure:
    """Why there is no answer.

    Attributes:
        kind: ``timeout``; ``connection`` (nobody there); ``refused_key`` (401, 403); ``status`` (any other HTTP status
            but 200); ``truncated`` (the body broke off); ``endless`` (too long, or still coming when time was over);
            ``html``; ``half_json`` (it begins as JSON and ends too early); ``not_json`` (anything else that is none);
            ``not_chat`` (JSON of another form); ``cancelled``.
        message: one sentence for people; holds no key.
        status: HTTP status; 0 when none came.
        retry_after_s: seconds that the endpoint asked to wait; None when it did not say.
    """

    kind: FailureKind
    message: str
    hint: str = ""
    status: int = 0
    attempts: int = 1
    retry_after_s: float | None = None

    @property
    def may_pass(self) -> bool:
        """Whether the same request could succeed a little later."""
        return self.kind in RETRIED_KINDS or self.status in RETRIED_STATUSES

    @property
    def is_hopeless(self) -> bool:
        """Whether every further request of the same kind would fail in the same way."""
        return self.kind in ("refused_key", "cancelled") or self.status in HOPELESS_STATUSES


Answer = Completion | ChatFailure


class ChatClient:
    """Asks one endpoint. Safe to use from several threads; close it, or use it in a ``with``.

    Raises:
        WorkbenchError: the endpoint's settings cannot work (see ``Endpoint.check``).
    """

    def __init__(self, endpoint: Endpoint) -> None:
        if problems := endpoint.check():
            raise WorkbenchError(f"The endpoint cannot be used: {problems[0]}.", problems[0].hint)
        self.endpoint = endpoint
        self._key = os.environ[endpoint.key_env].strip() if endpoint.key_env else ""
        if not self._key.isascii() or not self._key.isprintable():
            message = f"The key in {endpoint.key_env} holds characters that no key has."
            raise WorkbenchError(message, "Copy the key again, without line ends.")
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        headers |= {"Authorization": f"Bearer {self._key}"} if self._key else {}
        # Redirects are not followed: the key must not go to another host.
        limits = httpx.Limits(max_connections=endpoint.concurrency)
        self._http = httpx.Client(headers=headers, timeout=endpoint.timeout_s, limits=limits, follow_redirects=False)
        self._stopped = threading.Event()

    def __enter__(self) -> ChatClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.stop()
        self._http.close()

    def stop(self) -> None:
        """End waiting and reading: calls under way soon return a failure of kind ``cancelled``, later ones at once."""
        self._stopped.set()

    def model_names(self) -> list[str]:
        """Names of the models that the endpoint says it has (``GET /models``).

        Raises:
            WorkbenchError: it does not say.
        """
        url = f"{self.endpoint.url.removesuffix('/chat/completions')}/models"
        hint = "Name the model yourself."
        try:
            response = self._http.get(url)
            names = [row["id"] for row in response.json()["data"]] if response.status_code == 200 else []
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            message = f"{self.endpoint.base_url} cannot be reached ({self._plain(str(error))})."
            raise WorkbenchError(message, "Check the address, and that the server is running.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise WorkbenchError(f"{url} does not list models.", hint) from error
        if not names:
            raise WorkbenchError(f"{url} lists no model (HTTP {response.status_code}).", hint)
        return [str(name) for name in names]

    def complete(self, messages: Sequence[Mapping[str, Any]], **options: Any) -> Answer:
        """One answer to a conversation, with retries.

        Args:
            messages: in OpenAI's form, ``{"role", "content"}``.
            options: further fields of the request, such as ``temperature``, ``max_tokens``, ``tools``, ``seed``.
        """
        body = json.dumps({"model": self.endpoint.model, "messages": list(messages), **options}).encode()
        attempt = 0
        while True:
            attempt += 1
            answer = self._attempt(body) if not self._stopped.is_set() else _CANCELLED
            answer = replace(answer, attempts=attempt)
            if isinstance(answer, Completion) or not answer.may_pass or attempt > self.endpoint.retries:
                return answer
            pause = self._pause(attempt, answer)
            if pause > LONGEST_WAIT_S:
                return replace(answer, hint=f"It asks to wait {pause:.0f} seconds: come back later.")
            self._stopped.wait(pause)

    def complete_all(
        self, jobs: Iterable[T], ask: Callable[[T], tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]]
    ) -> Iterator[tuple[T, Answer]]:
        """Answers to many conversations as they come, ``concurrency`` at a time; jobs are taken only when needed.

        Args:
            ask: messages and options of a job.
        """
        source = iter(jobs)
        with ThreadPoolExecutor(self.endpoint.concurrency, thread_name_prefix="chat") as pool:
            under_way: dict[Future[Answer], T] = {}
            try:
                while True:
                    while len(under_way) < self.endpoint.concurrency and (taken := list(_first(source))):
                        messages, options = ask(taken[0])
                        under_way[pool.submit(self.complete, messages, **options)] = taken[0]
                    if not under_way:
                        return
                    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield under_way.pop(future), future.result()
            except BaseException:
                # The caller stopped listening, or a job could not be made: what is under way must not be waited for.
                self.stop()
                raise

    def _attempt(self, body: bytes) -> Answer:
        began = time.monotonic()
        try:
            headers = {"Content-Type": "application/json"}
            with self._http.stream("POST", self.endpoint.url, content=body, headers=headers) as response:
                raw = self._read(response, began + self.endpoint.timeout_s)
            if isinstance(raw, ChatFailure):
                return raw
            if response.status_code != 200:
                return self._refusal(response, raw)
            return _parse(raw, (time.monotonic() - began) * 1000)
        except httpx.TimeoutException:
            return ChatFailure("timeout", f"No answer within {self.endpoint.timeout_s:g} seconds.")
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            return ChatFailure("truncated", f"The answer broke off ({self._plain(str(error))}).")
        except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
            message = f"{self.endpoint.base_url} cannot be reached ({self._plain(str(error))})."
            return ChatFailure("connection", message, "Check the address, and that the server is running.")

    def _read(self, response: httpx.Response, until: float) -> bytes | ChatFailure:
        """The body, unless it does not end. httpx's own timeouts begin anew with each byte."""
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BYTES:
                return ChatFailure("endless", f"The answer is longer than {MAX_BYTES >> 20} MB.")
            if time.monotonic() > until:
                message = f"The answer was still coming after {self.endpoint.timeout_s:g} seconds."
                return ChatFailure("endless", message, "Ask for fewer tokens, or wait longer.")
            if self._stopped.is_set():
                return _CANCELLED
        return b"".join(pieces)

    def _refusal(self, response: httpx.Response, raw: bytes) -> ChatFailure:
        """An answer with another status than 200."""
        status, told = response.status_code, self._plain(_told(raw))
        reason = f"HTTP {status}" + (f": {told}" if told else "")
        if status in (401, 403):
            held = f"the key in {self.endpoint.key_env}" if self.endpoint.key_env else "a request without a key"
            hint = "Name the environment variable that holds a valid key."
            return ChatFailure("refused_key", f"The endpoint refused {held} ({reason}).", hint, status)
        hint = "Check the address and the model's name." if status in (404, 405) or 300 <= status < 400 else ""
        pause = _retry_after(response.headers.get("retry-after", ""))
        return ChatFailure("status", f"The endpoint answered {reason}.", hint, status, retry_after_s=pause)

    def _pause(self, attempt: int, failure: ChatFailure) -> float:
        """Seconds until the next attempt; a little random, so that many clients do not come back together."""
        if failure.retry_after_s is not None:
            return failure.retry_after_s
        growing: float = min(LONGEST_WAIT_S / 2, self.endpoint.backoff_s * 2 ** (attempt - 1))
        return growing * random.uniform(0.8, 1.2)

    def _plain(self, text: str) -> str:
        """The text short, on one line, and without the key, which some servers repeat."""
        text = text.replace(self._key, "…") if self._key else text
        line = " ".join(text.split())
        return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 1]}…"


_CANCELLED = ChatFailure("cancelled", "Cancelled.")


def _parse(raw: bytes, latency_ms: float) -> Answer:
    try:
        data = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return _unreadable(raw, error)
    try:
        choice = data["choices"][0]
        message = choice["message"]
        content = message.get("content") or ""
        text = content if isinstance(content, str) else "".join(part.get("text") or "" for part in content)
        finish = choice.get("finish_reason") or ""
        return Completion(text, message, _usage(data.get("usage")), str(finish), latency_ms)
    except (KeyError, IndexError, TypeError, AttributeError):
        return ChatFailure("not_chat", "The endpoint's answer is JSON, but no chat completion.", status=200)


def _unreadable(raw: bytes, error: Exception) -> ChatFailure:
    """What a body is that is no JSON."""
    text = raw.decode("utf-8", "replace").strip()
    if text.startswith("<"):
        hint = "The address may belong to a web page: it usually ends with /v1."
        return ChatFailure("html", f"The endpoint answered with a web page; it begins with {text[:80]!r}.", hint, 200)
    if text[:1] in ("{", "[") and isinstance(error, json.JSONDecodeError) and _ends_early(text, error):
        return ChatFailure("half_json", f"The endpoint's answer is half a JSON; it ends with {text[-40:]!r}.", "", 200)
    return ChatFailure("not_json", f"The endpoint's answer is not JSON; it begins with {text[:80]!r}.", "", 200)


def _ends_early(text: str, error: json.JSONDecodeError) -> bool:
    """Whether more text could have made it JSON: the reader came to the end, or to a text or word that is cut there."""
    rest = text[error.pos :].strip()
    cut_word = any(word.startswith(rest) for word in ("true", "false", "null", "-"))
    return cut_word or error.msg.startswith("Unterminated string")


def _usage(data: Any) -> Usage:
    if not isinstance(data, Mapping):
        return Usage()
    counts = [data.get(name) for name in ("prompt_tokens", "completion_tokens")]
    known = [count if isinstance(count, int) and count >= 0 else 0 for count in counts]
    return Usage(known[0], known[1], told=any(isinstance(count, int) for count in counts))


def _told(raw: bytes) -> str:
    """What an error body says: OpenAI's ``{"error": {"message"}}``, some variants of it, or the text itself."""
    text = raw.decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else text
    error = data.get("error", data) if isinstance(data, Mapping) else data
    told = error.get("message") or error.get("detail") if isinstance(error, Mapping) else error
    return told if isinstance(told, str) else text


def _retry_after(value: str) -> float | None:
    """Seconds of a Retry-After header: a number, or a date (RFC 9110, 10.2.3)."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _first(source: Iterator[T]) -> Iterator[T]:
    """The next item, or nothing."""
    for item in source:
        yield item
        return
