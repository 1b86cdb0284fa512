"""Replies drawn at random from a grammar: what a model without any sense could write."""

import numpy as np

from workbench.grammars import Matcher


def sample(matcher: Matcher, rng: np.random.Generator, tokenizer, favoured: int = -1, most: int = 3000) -> str:
    """The text of one random reply, without its stop token. ``favoured``: a token taken wherever it is allowed."""
    written: list[int] = []
    while len(written) < most:
        if forced := matcher.forced():
            matcher.take(forced)
            written += forced
            continue
        allowed = matcher.allowed()
        stops = [token for token in matcher._vocabulary.stops if allowed[token]]
        choices = np.flatnonzero(allowed)
        if len(stops) == len(choices) or (stops and rng.random() < 0.2):
            return tokenizer.decode(written, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        token = (
            favoured if favoured >= 0 and allowed[favoured] else int(rng.choice([c for c in choices if c not in stops]))
        )
        matcher.take([token])
        written.append(token)
    raise AssertionError("the grammar does not end")
