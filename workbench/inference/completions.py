"""What comes back from a chat endpoint: a completion, or a failure that says which of the many ways it took.

The form of answers is https://platform.openai.com/docs/api-reference/chat/create, without streaming.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

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


def read_answer(raw: bytes, latency_ms: float) -> Answer:
    """What the body of an answer with status 200 is."""
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


def error_text(raw: bytes) -> str:
    """What an error body says: OpenAI's ``{"error": {"message"}}``, some variants of it, or the text itself."""
    text = raw.decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else text
    error = data.get("error", data) if isinstance(data, Mapping) else data
    told = error.get("message") or error.get("detail") if isinstance(error, Mapping) else error
    return told if isinstance(told, str) else text


def retry_after(value: str) -> float | None:
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
