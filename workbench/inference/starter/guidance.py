"""Guided attention: pretraining tells a few heads where to look, so that choosing among declarations is learned early.

A small model that is only shown right calls spends most of a short pretraining before it finds out how to choose. Five
losses build the way step by step, from the declaration to the call (heads are named in ``HEADS``):

1. ``bind``: a token of a declaration looks at the first token of its tool's name.
2. ``match``: a word of the request looks at the declaration of the tool that is asked for, or at none.
3. ``vote``: the token before the name of a call looks at the words of its request.
4. ``point``: the token before an argument's text looks at the first token of that text in its request.
5. ``own`` and ``asked``: from the states behind these steps a linear map can read which tool is meant.

They fade out as pretraining goes on; what the product runs has no trace of them. After Mi et al. 2016, "Supervised
Attentions for Neural Machine Translation".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, rms_norm
from transformers import Gemma3ForCausalLM

from workbench.inference.attention import TreePlan

HEADS = {
    1: ((1, "bind"),),
    2: ((0, "match"), (2, "match")),
    3: ((0, "vote"), (1, "point"), (2, "vote"), (3, "point")),
}
"""Which heads of which layer are told what."""
NOT_EVIDENT = 0.3
"""Weight, in ``asked``, of words that do not occur in the declaration that they ask for."""
HIDDEN = -1e9
"""Score of what a token cannot see."""


@dataclass(frozen=True)
class Guide:
    """Where the tokens of a row should look. Positions are those of the row's tokens.

    Attributes:
        names: [tools], first token of each tool's name; the declarations are the prefix from ``start`` to ``end``.
        declared, owner: [d], tokens of declarations, and the tool of each.
        words, asked, evident: [w], words of requests, the tool that is asked for, and whether the word occurs in its
            declaration and in no other.
        calls: [c], tokens before the names of calls.
        word_rows, call_rows: [w] and [c], where the row of each begins.
        pointers, pointed, pointer_rows: [p], tokens before texts in calls, the first token of each text in its request
            where that holds it once, and where the row of each begins.
        spans: [tools, 2], first token of each declaration and the one behind its last.
        wordy: [tokens], whether a token is a word of a request.
    """

    names: Tensor
    declared: Tensor
    owner: Tensor
    words: Tensor
    asked: Tensor
    evident: Tensor
    word_rows: Tensor
    calls: Tensor
    call_rows: Tensor
    pointers: Tensor
    pointed: Tensor
    pointer_rows: Tensor
    spans: Tensor
    wordy: Tensor


@dataclass
class GuidedPlan(TreePlan):
    """A tree whose guided heads are watched; ``losses`` holds what they should mend, by the name of the step."""

    guide: Guide | None = None
    losses: dict[str, list[Tensor]] = field(default_factory=dict)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None) -> Tensor:
        for head, step in HEADS.get(layer, ()) if self.guide and torch.is_grad_enabled() else ():
            group = query.shape[1] // key.shape[1]
            q, k = query[0, head].float() * scale, key[0, head // group].float()
            if (loss := getattr(self, f"_{step}")(self.guide, q, k)) is not None:
                self.losses.setdefault(step, []).append(loss)
        return super().attend(layer, query, key, value, scale, window)

    def _bind(self, guide: Guide, query: Tensor, key: Tensor) -> Tensor | None:
        seen = torch.arange(self.prefix)[None] <= guide.declared[:, None]
        scores = (query[guide.declared] @ key[: self.prefix].T).masked_fill(~seen, HIDDEN)
        return cross_entropy(scores, guide.names[guide.owner])

    def _match(self, guide: Guide, query: Tensor, key: Tensor) -> Tensor | None:
        if not len(guide.words):
            return None
        place = torch.arange(len(key))[None]
        shares = (query[guide.words] @ key.T).masked_fill(~self._seen(guide.words, guide.word_rows, place), HIDDEN)
        shares = shares.softmax(-1)
        first, behind = guide.spans[guide.asked].T[..., None]
        right = (shares * ((place >= first) & (place < behind))).sum(-1)
        on_any = shares[:, int(guide.spans[0, 0]) : int(guide.spans[-1, 1])].sum(-1)
        # Who looks at no declaration says nothing about which is meant.
        return -(right + (1 - on_any) / len(guide.spans)).clamp(min=1e-6).log().mean()

    def _vote(self, guide: Guide, query: Tensor, key: Tensor) -> Tensor | None:
        if not len(guide.calls):
            return None
        place = torch.arange(len(key))[None]
        seen = self._seen(guide.calls, guide.call_rows, place)
        shares = (query[guide.calls] @ key.T).masked_fill(~seen, HIDDEN).log_softmax(-1)
        return -shares.masked_fill(~(seen & guide.wordy & (place >= self.prefix)), HIDDEN).logsumexp(-1).mean()

    def _point(self, guide: Guide, query: Tensor, key: Tensor) -> Tensor | None:
        if not len(guide.pointers):
            return None
        seen = self._seen(guide.pointers, guide.pointer_rows, torch.arange(len(key))[None])
        return cross_entropy((query[guide.pointers] @ key.T).masked_fill(~seen, HIDDEN), guide.pointed)

    def _seen(self, tokens: Tensor, rows: Tensor, place: Tensor) -> Tensor:
        return (place < self.prefix) | ((place >= rows[:, None]) & (place <= tokens[:, None]))


class Readouts(torch.nn.Module):
    """Linear maps that read which tool a token means: one of a declaration after layer 1, of a request after layer 2.

    They belong to pretraining, not to the model. ``losses`` is for the last forward pass.
    """

    def __init__(self, model: Gemma3ForCausalLM) -> None:
        super().__init__()
        width = model.config.hidden_size
        self.maps = torch.nn.ModuleList(_rotation(width) for _ in range(2))
        self._embeddings: Sequence[Any] = (
            model.model.embed_tokens,
        )  # in a tuple, so that it is no part of this module
        self._states: dict[int, Tensor] = {}
        for layer in (1, 2):
            model.model.layers[layer].register_forward_hook(self._keep(layer))

    def losses(self, ids: Tensor, guide: Guide) -> dict[str, Tensor]:
        """Cross-entropy over the row's tools, by step; ``ids`` [tokens]."""
        candidates = self._embeddings[0].weight[ids[guide.names]]
        found = {"own": cross_entropy(self._read(0, 1, guide.declared) @ candidates.T, guide.owner)}
        if len(guide.words):
            losses = cross_entropy(self._read(1, 2, guide.words) @ candidates.T, guide.asked, reduction="none")
            found["asked"] = (losses * torch.where(guide.evident, 1.0, NOT_EVIDENT)).mean()
        return found

    def _read(self, which: int, layer: int, tokens: Tensor) -> Tensor:
        states = self._states[layer][tokens].float()
        read: Tensor = self.maps[which](rms_norm(states, states.shape[-1:]))
        return read

    def _keep(self, layer: int) -> Any:
        def keep(module: Any, given: Any, output: Any) -> None:
            self._states[layer] = (output[0] if isinstance(output, tuple) else output)[0]

        return keep


def _rotation(width: int) -> torch.nn.Linear:
    rotation = torch.nn.Linear(width, width, bias=False)
    torch.nn.init.orthogonal_(rotation.weight)
    return rotation
