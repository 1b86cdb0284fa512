"""What a dialect is. Knows no model family, no tokenizer and no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from workbench.records import Message, Parsed, Tool, ToolCall


class Dialect(Protocol):
    """How a model family writes declarations, calls and results.

    ``parse`` and ``render_reply`` are inverses: ``parse(render_reply(calls, "")).calls == calls``.
    """

    name: str
    stops: tuple[str, ...]
    """Special tokens at which generation ends."""

    def render_prompt(self, messages: Sequence[Message], tools: Sequence[Tool]) -> str:
        """The text before the reply, beginning-of-sequence token included."""

    def render_reply(self, calls: Sequence[ToolCall], text: str) -> str:
        """The reply that a model is trained to write, its stop token included."""

    def parse(self, raw: str) -> Parsed:
        """What a raw reply says. Never raises: malformed output is a result with its reason."""
