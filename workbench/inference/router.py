"""A router as a library: a request in, calls or NO_TOOL out. Needs no server and no store.

Knows scenarios' messages, dialects, grammars and the engine; what surrounds a reply (HTTP, traffic) is others' work.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from workbench.dialects import get_dialect
from workbench.errors import Problem, WorkbenchError
from workbench.grammars import Choice
from workbench.inference.attention import PrefillPlan
from workbench.inference.decoding import decode_behind, decode_padded, prefill
from workbench.inference.engine import LoadedModel, grammars_of, load
from workbench.inference.picking import Constrained, Sampling, Taken
from workbench.inference.prefixes import common_prefix
from workbench.inference.tokens import encode
from workbench.records import Message, Model, Parsed, Scenario, Tool, ToolCall, Toolset
from workbench.scenarios.messages import to_messages
from workbench.scenarios.validate import check_call

PREFIXES_KEPT = 8
"""Prompts' beginnings that stay computed, about one a toolset and mode; the least recently used goes first."""
MAX_PROMPT_TOKENS = 16384

OnText = Callable[[int, str, Taken], bool]
"""Told which reply grew to which raw text, and by which token; says whether it goes on."""


@dataclass(frozen=True)
class Wish:
    """How replies are wanted.

    Attributes:
        constrained: whether they are held to the grammar of their tools; ``choice`` is what that lets through.
        count: how many replies to the same prompt.
        stop: texts that end a reply; they are not part of it.
    """

    choice: Choice = field(default_factory=Choice)
    constrained: bool = True
    sampling: Sampling = field(default_factory=Sampling)
    count: int = 1
    max_new_tokens: int = 128
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """One reply of a router.

    Attributes:
        calls: empty when no tool is needed.
        text: what it said, such as NO_TOOL; empty beside calls unless it said something before them.
        raw: the new text with its special tokens.
        confidence: product of the probabilities of its tokens among those that were allowed.
        latency_ms: wall-clock milliseconds.
        malformed: why the reply could not be read; empty when it could.
        problems: what is wrong with the calls; nothing is repaired.
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


class Router:
    """A model that answers requests with a toolset. Safe to share between threads: they take turns."""

    def __init__(self, model: Model | LoadedModel, toolset: Toolset, constrained: bool = True) -> None:
        """
        Args:
            model: where its weights are, or a model in memory.
            toolset: the tools of requests that bring none.
            constrained: whether ``route`` holds replies to the grammar.

        Raises:
            WorkbenchError: the model cannot be loaded, see ``engine.load``.
        """
        self.loaded = model if isinstance(model, LoadedModel) else load(model)
        self.toolset, self.constrained = toolset, constrained
        self._dialect = get_dialect(self.loaded.dialect)
        self._grammars = grammars_of(self.loaded) if constrained else None
        self._prefixes: OrderedDict[tuple[int, ...], PrefillPlan] = OrderedDict()
        self._turn = Lock()

    def route(self, request: str, os: str = "", shell: str = "", mode: str = "") -> Decision:
        """What to do about a request, by the toolset's prompt profile; the best reply, the same each time."""
        scenario = Scenario("request", self.toolset.name, request, os=os, shell=shell, mode=mode)
        wish = Wish(constrained=self.constrained)
        return self.reply(to_messages(scenario, self.toolset), self.toolset.tools, wish)[0]

    def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool], wish: Wish, on_text: OnText | None = None
    ) -> list[Decision]:
        """Replies to a conversation.

        Raises:
            WorkbenchError: the prompt is too long, or the tools give no grammar.
        """
        with self._turn:
            return self._reply(messages, tools, wish, on_text)

    def _reply(
        self, messages: Sequence[Message], tools: Sequence[Tool], wish: Wish, on_text: OnText | None
    ) -> list[Decision]:
        started = time.perf_counter()
        tokens = self._encode(messages, tools)
        grower = _Grower(self.loaded, wish, on_text)
        matchers = [self._matcher(tools, wish) for _ in range(wish.count)]
        picker = Constrained(matchers, self.loaded.stops, _seeded(wish), grower.grow)
        rows = [tokens] * wish.count
        if self.loaded.shares_prefixes:
            length, plan = self._prefix(tokens, messages, tools)
            behind = [row[length:] for row in rows]
            decode_behind(self.loaded.model, plan, length, behind, self.loaded.stops, wish.max_new_tokens, picker)
        else:
            decode_padded(self.loaded.model, rows, self.loaded.stops, wish.max_new_tokens, picker)
        latency = (time.perf_counter() - started) * 1000
        named = Toolset(self.toolset.name, tuple(tools), self.toolset.profile)
        return [self._decide(grower, row, len(tokens), latency, named) for row in range(wish.count)]

    def prompt(self, messages: Sequence[Message], tools: Sequence[Tool]) -> str:
        """A conversation as the model reads it."""
        return self._dialect.render_prompt(messages, tools)

    def _encode(self, messages: Sequence[Message], tools: Sequence[Tool]) -> list[int]:
        tokens = encode(self.loaded.tokenizer, [self.prompt(messages, tools)])[0]
        if len(tokens) > MAX_PROMPT_TOKENS:
            raise WorkbenchError(
                f"The prompt has {len(tokens)} tokens, more than {MAX_PROMPT_TOKENS}.", "Send fewer tools or turns."
            )
        return tokens

    def _matcher(self, tools: Sequence[Tool], wish: Wish) -> Any:
        if not wish.constrained:
            return None
        # Built when it is first needed: it reads the whole vocabulary.
        self._grammars = self._grammars or grammars_of(self.loaded)
        return self._grammars.start(tools, wish.choice)

    def _prefix(
        self, tokens: Sequence[int], messages: Sequence[Message], tools: Sequence[Tool]
    ) -> tuple[int, PrefillPlan]:
        """The longest computed beginning of a prompt, or a new one: what all requests with these tools share."""
        fitting = [
            known for known in self._prefixes if len(known) < len(tokens) and known == tuple(tokens[: len(known)])
        ]
        if fitting:
            longest = max(fitting, key=len)
            self._prefixes.move_to_end(longest)
            return len(longest), self._prefixes[longest]
        head = [message for message in messages[:1] if message.role == "system"]
        probes = [self._encode([*head, Message("user", text)], tools) for text in ("a", "0")]
        length = min(common_prefix(list(tokens), probe) for probe in probes)
        length = max(1, min(length, len(tokens) - 1))
        self._prefixes[tuple(tokens[:length])] = plan = prefill(self.loaded.model, tokens[:length])
        if len(self._prefixes) > PREFIXES_KEPT:
            self._prefixes.popitem(last=False)
        return length, plan

    def _decide(self, grower: _Grower, row: int, prompt: int, latency: float, toolset: Toolset) -> Decision:
        taken, raw, finish = grower.taken[row], grower.raw(row), grower.finish(row)
        parsed = self._dialect.parse(raw)
        problems = [p for i, call in enumerate(parsed.calls) for p in check_call(call, toolset, f"calls[{i}]")]
        return Decision(
            calls=parsed.calls,
            text=parsed.text,
            raw=raw,
            confidence=math.exp(sum(one.log_probability for one in taken)),
            latency_ms=latency,
            prompt_tokens=prompt,
            completion_tokens=len(taken),
            finish="calls" if parsed.calls and finish == "stop" else finish,
            malformed=_reason(parsed, finish),
            problems=tuple(problems),
            tokens=tuple(taken),
        )


class _Grower:
    """Collects what the rows take, ends them at stop texts, and tells whoever listens."""

    def __init__(self, loaded: LoadedModel, wish: Wish, on_text: OnText | None) -> None:
        self.loaded, self.wish, self.on_text = loaded, wish, on_text
        self.taken: list[list[Taken]] = [[] for _ in range(wish.count)]
        self._ended: dict[int, str] = {}
        self._cut: dict[int, str] = {}

    def grow(self, row: int, taken: Taken) -> bool:
        if row in self._ended:
            return False
        self.taken[row].append(taken)
        if not self.wish.stop and not self.on_text:
            return True
        text = self._decode(row)
        if found := [text.find(stop) for stop in self.wish.stop if stop in text]:
            self._ended[row], self._cut[row] = "stop", text[: min(found)]
            return False
        if self.on_text and not self.on_text(row, text, taken):
            self._ended[row] = "cancelled"
            return False
        return True

    def raw(self, row: int) -> str:
        return self._cut[row] if row in self._cut else self._decode(row)

    def finish(self, row: int) -> str:
        if row in self._ended:
            return self._ended[row]
        ended = bool(self.taken[row]) and self.taken[row][-1].token in self.loaded.stops
        return "stop" if ended else "length"

    def _decode(self, row: int) -> str:
        ids = [one.token for one in self.taken[row]]
        return str(self.loaded.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _seeded(wish: Wish) -> list[Sampling]:
    """Replies to one prompt are drawn independently."""
    plain: Mapping[str, Any] = vars(wish.sampling)
    return [Sampling(**{**plain, "seed": wish.sampling.seed + row}) for row in range(wish.count)]


def _reason(parsed: Parsed, finish: str) -> str:
    if parsed.kind != "malformed":
        return ""
    return f"cut at its longest: {parsed.reason}" if finish == "length" else parsed.reason
