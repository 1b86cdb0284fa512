"""What is wanted of a router, and what it decided: wishes, decisions, and replies while they grow.

Knows dialects and tokens; knows no model's computation.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.dialects import get_dialect
from workbench.errors import Problem
from workbench.grammars import Choice
from workbench.inference.decoding import Row
from workbench.inference.engine import LoadedModel
from workbench.inference.picking import Hand, Sampling, Taken
from workbench.records import Parsed, ToolCall, Toolset
from workbench.scenarios.validate import check_call, check_value

OnText = Callable[[int, str, Taken], bool]
"""Told which reply grew to which raw text, and by which token; says whether it goes on."""


@dataclass(frozen=True)
class Wish:
    """How replies are wanted.

    Attributes:
        constrained: whether they are held to the grammar of their tools; ``choice`` is what that lets through.
        count: how many replies to the same prompt.
        stop: texts that end a reply; they are not part of it.
        beams: 0 writes each reply token by token; else the most probable whole replies among so many beams.
    """

    choice: Choice = field(default_factory=Choice)
    constrained: bool = True
    sampling: Sampling = field(default_factory=Sampling)
    count: int = 1
    max_new_tokens: int = 128
    stop: tuple[str, ...] = ()
    beams: int = 0


@dataclass(frozen=True)
class Decision:
    """One reply of a router.

    Attributes:
        calls: empty when no tool is needed.
        text: what it said, such as NO_TOOL; empty beside calls unless it said something before them.
        raw: the new text with its special tokens.
        confidence: product of the probabilities of its tokens among those that were allowed.
        latency_ms: wall-clock milliseconds, from the request to the end of its last reply.
        malformed: why the reply could not be read; empty when it could.
        problems: what is wrong with the calls or the JSON; nothing is repaired.
        finish: ``stop``, ``calls``, ``length`` when it was cut, ``cancelled``.
        tokens: those it is made of.
    """

    calls: tuple[ToolCall, ...]
    text: str
    raw: str
    confidence: float
    latency_ms: float
    prompt_tokens: int
    completion_tokens: int
    finish: str
    malformed: str = ""
    problems: tuple[Problem, ...] = ()
    tokens: tuple[Taken, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "calls": [call.to_dict() for call in self.calls],
            "text": self.text,
            "raw": self.raw,
            "confidence": self.confidence,
            "latency_ms": self.latency_ms,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "finish": self.finish,
            "malformed": self.malformed,
            "problems": [problem.to_dict() for problem in self.problems],
            "tokens": [
                [one.token, one.log_probability, [list(pair) for pair in one.alternatives]] for one in self.tokens
            ],
        }


class Pending:
    """A request on its way, and its replies as they grow.

    Attributes:
        tokens: the prompt.
        toolset: the tools of this request.
        hands, rows: of its replies.
        decisions: empty until it is done.
        error: what went wrong, instead of decisions.
    """

    def __init__(
        self, loaded: LoadedModel, tokens: list[int], toolset: Toolset, wish: Wish, on_text: OnText | None
    ) -> None:
        self.loaded, self.tokens, self.toolset, self.wish = loaded, tokens, toolset, wish
        self.decisions: list[Decision] = []
        self.error = ""
        self.cancelled = False
        self.hands: list[Hand] = []
        self.rows: list[Row] = []
        self.taken: list[list[Taken]] = [[] for _ in range(wish.count)]
        self._on_text = on_text
        self._cut: dict[int, str] = {}
        self._dropped: set[int] = set()
        self._started = time.perf_counter()

    @property
    def done(self) -> bool:
        return bool(self.decisions or self.error)

    def cancel(self) -> None:
        """Nobody waits for it any more: it ends at its next token."""
        self.cancelled = True

    def deal(self, matchers: Sequence[Any]) -> None:
        """Give each reply its hand; replies to one prompt are drawn independently."""
        plain = self.wish.sampling
        for row, matcher in enumerate(matchers):
            sampling = replace(plain, seed=plain.seed + row)
            self.hands.append(Hand(matcher, self.loaded.stops, sampling, lambda taken, row=row: self._grow(row, taken)))  # type: ignore[misc]

    def show(self, replies: Sequence[Sequence[Taken]]) -> None:
        """What the replies are at the moment, where they do not grow token by token; the best first. Of those that are
        written in other tokens but read the same the best one counts."""
        self.taken = [[] for _ in range(self.wish.count)]
        seen: set[str] = set()
        for taken in replies:
            text = self._text_of([one.token for one in taken if one.token not in self.loaded.stops])
            if text not in seen and len(seen) < self.wish.count:
                self.taken[len(seen)] = list(taken)
                seen.add(text)

    def decide(self) -> None:
        """All replies are written."""
        self.error = next((hand.error for hand in self.hands if hand.error), "")
        if not self.error:
            latency = (time.perf_counter() - self._started) * 1000
            # A search may end with fewer replies than were wanted.
            there = [row for row in range(self.wish.count) if row == 0 or self.taken[row] or not self.wish.beams]
            self.decisions = [self._decide(row, latency) for row in there]

    def _grow(self, row: int, taken: Taken) -> bool:
        """Note a token; says whether the reply goes on."""
        self.taken[row].append(taken)
        if self.cancelled:
            return False
        if not self.wish.stop and not self._on_text:
            return True
        text = self._decode(row)
        if self._ends(row, text):
            return False
        if self._on_text and not self._on_text(row, text, taken):
            self._dropped.add(row)
        return row not in self._dropped

    def _ends(self, row: int, text: str) -> bool:
        """Cut a reply where a stop text begins; says whether there is one."""
        found = [text.find(stop) for stop in self.wish.stop if stop in text]
        if found:
            self._cut[row] = text[: min(found)]
        return bool(found)

    def _decide(self, row: int, latency: float) -> Decision:
        if self.wish.beams and self.wish.stop:
            self._ends(row, self._decode(row))
        taken, finish = self.taken[row], self._finish(row)
        raw = self._cut[row] if row in self._cut else self._decode(row)
        parsed, problems = self._read(raw)
        return Decision(
            calls=parsed.calls,
            text=parsed.text,
            raw=raw,
            confidence=math.exp(sum(one.log_probability for one in taken)),
            latency_ms=latency,
            prompt_tokens=len(self.tokens),
            completion_tokens=len(taken),
            finish="calls" if parsed.calls and finish == "stop" else finish,
            malformed=_reason(parsed, finish),
            problems=tuple(problems),
            tokens=tuple(taken),
        )

    def _read(self, raw: str) -> tuple[Parsed, list[Problem]]:
        """The reply, and what is wrong with it. JSON that was asked for is text, even where it looks like a call."""
        choice, dialect = self.wish.choice, get_dialect(self.loaded.dialect)
        parsed = dialect.parse(raw)
        if choice.schema and (choice.mode == "none" or not parsed.calls):
            text = raw
            for stop in dialect.stops:
                text = text.removesuffix(stop)
            return Parsed("text", text=text), _json_problems(text, json.loads(choice.schema))
        return parsed, [p for i, call in enumerate(parsed.calls) for p in check_call(call, self.toolset, f"calls[{i}]")]

    def _finish(self, row: int) -> str:
        if row in self._cut:
            return "stop"
        if self.cancelled or row in self._dropped:
            return "cancelled"
        ended = bool(self.taken[row]) and self.taken[row][-1].token in self.loaded.stops
        return "stop" if ended else "length"

    def _decode(self, row: int) -> str:
        return self._text_of([one.token for one in self.taken[row]])

    def _text_of(self, ids: list[int]) -> str:
        return str(self.loaded.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _json_problems(text: str, schema: Any) -> list[Problem]:
    try:
        value = json.loads(text)
    except ValueError:
        return [Problem("is no JSON", "text", hint="It was cut, or decoded without the grammar.")]
    return check_value(value, schema, "text")


def _reason(parsed: Parsed, finish: str) -> str:
    if parsed.kind != "malformed":
        return ""
    return f"cut at its longest: {parsed.reason}" if finish == "length" else parsed.reason
