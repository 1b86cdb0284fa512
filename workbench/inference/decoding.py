"""Decoding of rows: behind shared prefixes, coming and going as they like, or padded for models that share none.

Token ids in, token ids out. A hand says which tokens its row takes. Knows no texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteriaList

from workbench.inference.attention import PrefillPlan
from workbench.inference.picking import Hand, pick
from workbench.inference.rows import Rows, forward


@dataclass
class Row:
    """One reply that is being written.

    Attributes:
        hand: chooses its tokens.
        limit: new tokens at most.
        news: tokens that the model has not seen yet; first those of the prompt behind the prefix.
        written: new tokens so far.
        log_probability: sum over them.
        done: whether it has ended.
    """

    news: list[int]
    hand: Hand
    limit: int
    written: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    done: bool = False

    def begin(self) -> bool:
        """Take what must come first, together with the prompt; says whether there is more to write."""
        self.written = self.hand.ahead(self.limit)
        self.news = [*self.news, *self.written]
        return self._goes_on(frozenset())

    def take(self, token: int, score: float, stops: frozenset[int]) -> bool:
        """Go on behind a token and what must follow it; says whether there is more to write."""
        self.written.append(token)
        self.log_probability += score
        if not self._goes_on(stops):
            return False
        ahead = self.hand.ahead(self.limit - len(self.written))
        self.written += ahead
        self.news = [token, *ahead]
        return self._goes_on(frozenset())

    def _goes_on(self, stops: frozenset[int]) -> bool:
        at_stop = bool(stops) and self.written[-1] in stops
        self.done = len(self.written) >= self.limit or at_stop or self.hand.ended
        return not self.done


class AnyBatch:
    """Rows that are decoded together; they come and go between two steps, each of which gives them ``news``.

    Attributes:
        whole_prompts: whether ``add`` takes rows whose ``news`` are whole prompts, rather than what follows a prefix.
    """

    whole_prompts = True

    def __len__(self) -> int:
        raise NotImplementedError

    def check(self, prompt: Sequence[int], count: int, limit: int) -> None:
        """Raise WorkbenchError when so many rows of at most ``limit`` new tokens would not even fit alone."""

    def fits(self, prompt: Sequence[int], count: int, limit: int) -> bool:
        """Whether so many rows of at most ``limit`` new tokens behind a prompt can begin now."""
        return True

    def step(self) -> None:
        """At least one more token for every row. Finished rows leave."""
        raise NotImplementedError


class Batch(AnyBatch):
    """Rows that may stand behind different prefixes."""

    whole_prompts = False

    def __init__(self, model: Any, stops: frozenset[int]) -> None:
        self._model, self._stops = model, stops
        self._groups: list[tuple[Rows, list[Row]]] = []

    def __len__(self) -> int:
        return sum(len(members) for _, members in self._groups)

    def add(self, prefix: PrefillPlan, length: int, rows: Sequence[Row]) -> None:
        """Let rows take part, whose prompts begin with this prefix and go on with ``news``."""
        rows = [row for row in rows if row.begin()]
        if rows:
            self._groups.append((Rows(prefix, length, len(rows), self._model.device), list(rows)))

    @torch.inference_mode()
    def step(self) -> None:
        """One more token for every row, and what must follow it. Finished rows leave."""
        if not self._groups:
            return
        news = [[row.news for row in members] for _, members in self._groups]
        logits = forward(self._model, [rows for rows, _ in self._groups], news)
        every = [row for _, members in self._groups for row in members]
        tokens, scores = pick([row.hand for row in every], logits)
        going = [row.take(token, score, self._stops) for row, token, score in zip(every, tokens, scores, strict=True)]
        self._leave(going)
        self._unite()

    def _leave(self, going: Sequence[bool]) -> None:
        left, at = [], 0
        for rows, members in self._groups:
            kept = [i for i in range(len(members)) if going[at + i]]
            at += len(members)
            if kept and len(kept) < len(members):
                rows.keep(kept)
            if kept:
                left.append((rows, [members[i] for i in kept]))
        self._groups = left

    def _unite(self) -> None:
        """Rows behind the same prefix attend together."""
        found: dict[int, tuple[Rows, list[Row]]] = {}
        for rows, members in self._groups:
            if id(rows.prefix) in found:
                first, others = found[id(rows.prefix)]
                first.join(rows)
                others += members
            else:
                found[id(rows.prefix)] = (rows, members)
        self._groups = list(found.values())


class PaddedBatch(AnyBatch):
    """Rows of a model that shares no prefixes: a step writes one request's to their ends, the next one the next."""

    def __init__(self, model: Any, stops: frozenset[int]) -> None:
        self._model, self._stops = model, stops
        self._rows: list[Row] = []

    def __len__(self) -> int:
        return len(self._rows)

    def fits(self, prompt: Sequence[int], count: int, limit: int) -> bool:
        return not self._rows

    def add(self, rows: Sequence[Row]) -> None:
        """Let rows take part whose ``news`` are whole prompts; see ``fits``."""
        self._rows += rows

    def step(self) -> None:
        """Write every row to its end."""
        if self._rows:
            decode_padded(self._model, self._rows, self._stops)
        self._rows = []


@torch.inference_mode()
def prefill(model: Any, tokens: Sequence[int]) -> PrefillPlan:
    """Compute a prefix once."""
    plan = PrefillPlan()
    ids = torch.tensor([tokens], device=model.device)
    model(input_ids=ids, use_cache=False, logits_to_keep=1, plan=plan)
    return plan


def decode_behind(model: Any, prefix: PrefillPlan, length: int, rows: Sequence[Row], stops: frozenset[int]) -> None:
    """Write rows to their ends that stand behind a prefix of ``length`` tokens."""
    batch = Batch(model, stops)
    batch.add(prefix, length, rows)
    while len(batch):
        batch.step()


@torch.inference_mode()
def decode_padded(model: Any, rows: Sequence[Row], stops: frozenset[int]) -> None:
    """Write rows to their ends, whose ``news`` are whole prompts, with the family's own ``generate``, whatever its
    attention or state may be."""
    tokens, pads = _pad_left([row.news for row in rows], model.device)
    mask = (torch.arange(tokens.shape[1], device=model.device) >= pads[:, None]).long()
    picked = _Picked(rows, stops)
    config = GenerationConfig(
        max_new_tokens=max(row.limit for row in rows),
        do_sample=False,
        eos_token_id=sorted(stops) or None,
        pad_token_id=0,
    )
    model.generate(
        input_ids=tokens,
        attention_mask=mask,
        generation_config=config,
        logits_processor=LogitsProcessorList([picked]),
        stopping_criteria=StoppingCriteriaList([picked.finished]),
    )
    for row in rows:
        row.done = True


class _Picked(LogitsProcessor):
    """Lets the hands choose each row's token, by leaving no other."""

    def __init__(self, rows: Sequence[Row], stops: frozenset[int]) -> None:
        self.rows, self.stops = rows, stops
        self.active = list(range(len(rows)))

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        only = torch.full_like(scores, -torch.inf)
        only[:, 0] = 0
        if not self.active:
            return only
        chosen = pick([self.rows[at].hand for at in self.active], scores[self.active].float())
        for at, token, score in zip(self.active, *chosen, strict=True):
            self.rows[at].written.append(token)
            self.rows[at].log_probability += score
            only[at] = -torch.inf
            only[at, token] = 0
        self.active = [at for at in self.active if self._goes_on(self.rows[at])]
        return only

    def _goes_on(self, row: Row) -> bool:
        return row.written[-1] not in self.stops and len(row.written) < row.limit and not row.hand.ended

    def finished(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        """For ``generate``: whether all rows have ended."""
        return torch.full((len(input_ids),), not self.active, device=input_ids.device)


def _pad_left(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens [rows, longest] and each row's padding [rows]. The filler is masked, so any token id does."""
    longest = max(map(len, rows))
    pads = [longest - len(row) for row in rows]
    filled = [[0] * pad + list(row) for pad, row in zip(pads, rows, strict=True)]
    return torch.tensor(filled, device=device), torch.tensor(pads, device=device)
