"""A router as a library: a request in, calls or NO_TOOL out. Needs no server and no store.

Requests that come while others are being answered join them between two tokens. Knows scenarios' messages, dialects,
grammars and the engine; what surrounds a reply (HTTP, traffic) is others' work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from threading import RLock
from typing import Any

from workbench.dialects import get_dialect
from workbench.errors import WorkbenchError
from workbench.inference.beams import Beam, BeamSearch
from workbench.inference.decisions import Decision, OnText, Pending, Wish
from workbench.inference.decoding import Row, prefill
from workbench.inference.engine import LoadedModel, grammars_of
from workbench.inference.gguf_model import load_for_serving
from workbench.inference.prefix_cache import MAX_BYTES, Prefix, PrefixCache
from workbench.inference.prefixes import common_prefix
from workbench.inference.tokens import encode
from workbench.records import Message, Model, Scenario, Tool, Toolset, canonical_json
from workbench.scenarios.messages import to_messages

MAX_ROWS = 32
"""Replies that are written side by side; further ones wait for a place."""
MAX_PROMPT_TOKENS = 16384
__all__ = ["MAX_ROWS", "Decision", "Router", "Wish"]


class Router:
    """A model that answers requests with a toolset. Safe to share between threads."""

    def __init__(
        self,
        model: Model | LoadedModel,
        toolset: Toolset,
        constrained: bool = True,
        rows: int = MAX_ROWS,
        prefix_bytes: int = MAX_BYTES,
    ) -> None:
        """
        Args:
            model: where its weights are, or a model in memory.
            toolset: the tools of requests that bring none.
            constrained: whether ``route`` holds replies to the grammar.
            rows: replies that are written side by side.
            prefix_bytes: memory for prompts' beginnings that stay computed.

        Raises:
            WorkbenchError: the model cannot be loaded, see ``engine.load``.
        """
        self.loaded = model if isinstance(model, LoadedModel) else load_for_serving(model, prefix_bytes)
        self.toolset, self.constrained, self.rows = toolset, constrained, rows
        self.prefixes = PrefixCache(prefix_bytes)
        self._dialect = get_dialect(self.loaded.dialect)
        self._grammars = grammars_of(self.loaded) if constrained else None
        self._batch = self.loaded.batch()
        self._waiting: deque[tuple[Pending, tuple[Message, ...]]] = deque()
        self._writing: list[Pending] = []
        self._searches: list[tuple[Pending, Iterator[list[Beam]]]] = []
        self._turn = RLock()

    @property
    def busy(self) -> bool:
        """Whether a request is on its way."""
        return bool(self._waiting or self._writing or self._searches)

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
        pending = self.begin(messages, tools, wish, on_text)
        while not pending.done:
            self.step()
        if pending.error:
            raise WorkbenchError(pending.error)
        return pending.decisions

    def begin(
        self, messages: Sequence[Message], tools: Sequence[Tool], wish: Wish, on_text: OnText | None = None
    ) -> Pending:
        """Take a request; ``step`` answers it. Raises WorkbenchError: see ``reply``."""
        with self._turn:
            if wish.beams and not self.loaded.shares_prefixes:
                raise WorkbenchError(
                    f"This model cannot search with beams: {self.loaded.padded_because}.", "Leave 'beams' out."
                )
            tokens = self._encode(messages, tools)
            self._batch.check(tokens, wish.count, wish.max_new_tokens)
            named = Toolset(self.toolset.name, tuple(tools), self.toolset.profile)
            pending = Pending(self.loaded, tokens, named, wish, on_text)
            pending.deal([self._matcher(tools, wish) for _ in range(wish.count)])
            self._waiting.append((pending, tuple(messages)))
            return pending

    def step(self) -> list[Pending]:
        """One more token for every reply that is being written; returns the requests that are done."""
        with self._turn:
            done = self._admit()
            self._batch.step()
            done += self._ended()
            return done + self._search()

    def drop(self, reason: str) -> list[Pending]:
        """Give up every request that is on its way."""
        with self._turn:
            found = [one for one, _ in self._waiting] + self._writing + [one for one, _ in self._searches]
            self._waiting.clear()
            self._writing, self._searches = [], []
            self._batch = self.loaded.batch()
            for pending in found:
                pending.error = reason
            return found

    def _admit(self) -> list[Pending]:
        """Let those that wait begin, in their order, while there is room; returns those that are done at once."""
        done = []
        while self._waiting:
            pending, messages = self._waiting[0]
            if not pending.cancelled and not self._has_room(pending):
                break
            self._waiting.popleft()
            if pending.cancelled:
                pending.decide()
                done.append(pending)
            else:
                self._start(pending, messages)
        return done

    def _has_room(self, pending: Pending) -> bool:
        """Whether a request may begin beside those that are being written."""
        wish, taken = pending.wish, len(self._batch) + sum(one.wish.beams for one, _ in self._searches)
        if taken and taken + max(wish.count, wish.beams) > self.rows:
            return False
        return bool(self._batch.fits(pending.tokens, wish.count, wish.max_new_tokens))

    def _start(self, pending: Pending, messages: Sequence[Message]) -> None:
        wish, tokens = pending.wish, pending.tokens
        if self._batch.whole_prompts:
            pending.rows = [Row(list(tokens), hand, wish.max_new_tokens) for hand in pending.hands]
            self._batch.add(pending.rows)
            self._writing.append(pending)
            return
        prefix = self._prefix(tokens, messages, pending.toolset.tools)
        length = len(prefix.tokens)
        if wish.beams:
            search = BeamSearch(wish.beams, wish.max_new_tokens, self.loaded.stops, wish.sampling.bias)
            matcher = self._matcher(pending.toolset.tools, wish)
            steps = search.steps(self.loaded.model, prefix.plan, length, tokens[length:], matcher)
            self._searches.append((pending, steps))
            return
        pending.rows = [Row(tokens[length:], hand, wish.max_new_tokens) for hand in pending.hands]
        self._batch.add(prefix.plan, length, pending.rows)
        self._writing.append(pending)

    def _ended(self) -> list[Pending]:
        done = [one for one in self._writing if all(row.done for row in one.rows)]
        self._writing = [one for one in self._writing if one not in done]
        for pending in done:
            pending.decide()
        return done

    def _search(self) -> list[Pending]:
        """One more token for every beam."""
        done = []
        for pending, steps in list(self._searches):
            best = next(steps, None)
            if best is not None:
                pending.show([beam.taken for beam in best])
            if best is None or pending.cancelled:
                self._searches.remove((pending, steps))
                pending.decide()
                done.append(pending)
        return done

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

    def _prefix(self, tokens: list[int], messages: Sequence[Message], tools: Sequence[Tool]) -> Prefix:
        """What all requests with these tools and this system prompt begin with."""
        head = [message for message in messages[:1] if message.role == "system"]

        def compute() -> Prefix:
            probes = [self._encode([*head, Message("user", text)], tools) for text in ("a", "0")]
            length = min(common_prefix(tokens, probe) for probe in probes)
            length = max(1, min(length, len(tokens) - 1))
            return Prefix(tuple(tokens[:length]), prefill(self.loaded.model, tokens[:length]))

        key = (head[0].content if head else None, canonical_json([tool.to_dict() for tool in tools]))
        return self.prefixes.get(key, tokens, compute)
