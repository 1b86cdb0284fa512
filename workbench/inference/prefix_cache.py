"""Prompts' beginnings that stay computed: one for each toolset and system prompt, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from workbench.inference.attention import PrefillPlan

MAX_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Prefix:
    """The tokens that every prompt of a kind begins with, and what the model makes of them."""

    tokens: tuple[int, ...]
    plan: PrefillPlan

    def begins(self, tokens: list[int]) -> bool:
        """Whether a prompt begins with it, and goes on."""
        length = len(self.tokens)
        return length < len(tokens) and self.tokens == tuple(tokens[:length])


class PrefixCache:
    """Keeps what was used last. A prefix that was forgotten while rows stand behind it lives as long as they do."""

    def __init__(self, most: int = MAX_BYTES) -> None:
        self.most = most
        self._known: OrderedDict[Hashable, Prefix] = OrderedDict()

    @property
    def bytes(self) -> int:
        return sum(prefix.plan.bytes for prefix in self._known.values())

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Hashable, tokens: list[int], compute: Callable[[], Prefix]) -> Prefix:
        """The prefix of that kind of prompts; computed where it is not known, or where this prompt has another one."""
        found = self._known.get(key)
        if found is None or not found.begins(tokens):
            found = compute()
            self._known[key] = found
        self._known.move_to_end(key)
        while len(self._known) > 1 and self.bytes > self.most:
            self._known.popitem(last=False)
        return found
