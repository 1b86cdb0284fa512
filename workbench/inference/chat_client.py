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
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

import httpx

from workbench.errors import WorkbenchError
from workbench.inference.completions import Answer, ChatFailure, Completion, error_text, read_answer, retry_after
from workbench.inference.endpoint import Endpoint

MAX_BYTES = 8 << 20
SHOWN_CHARACTERS = 200
LONGEST_WAIT_S = 120.0
T = TypeVar("T")


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
            return read_answer(raw, (time.monotonic() - began) * 1000)
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
        status, told = response.status_code, self._plain(error_text(raw))
        reason = f"HTTP {status}" + (f": {told}" if told else "")
        if status in (401, 403):
            held = f"the key in {self.endpoint.key_env}" if self.endpoint.key_env else "a request without a key"
            hint = "Name the environment variable that holds a valid key."
            return ChatFailure("refused_key", f"The endpoint refused {held} ({reason}).", hint, status)
        hint = "Check the address and the model's name." if status in (404, 405) or 300 <= status < 400 else ""
        pause = retry_after(response.headers.get("retry-after", ""))
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


def _first(source: Iterator[T]) -> Iterator[T]:
    """The next item, or nothing."""
    for item in source:
        yield item
        return
