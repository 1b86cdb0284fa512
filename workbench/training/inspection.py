"""What a training run would see of each scenario: text with special tokens, what is learned, what must not be trained.

Knows a tokenizer and a dialect, no model and no files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from transformers import PreTrainedTokenizerBase

from workbench.dialects import Dialect
from workbench.inference.prefixes import group_by_prefix
from workbench.records import Scenario, ToolCall, Toolset
from workbench.scenarios.validate import check_scenario
from workbench.training.examples import Example, make_examples

MOST_REPLY_TOKENS = 128
"""Where an evaluation cuts a reply: a longer one can be learned but never be given whole."""

Piece = tuple[str, bool, bool]
"""Text, whether it is a special token, whether it is trained."""


@dataclass(frozen=True)
class Sight:
    """One scenario as training sees it.

    Attributes:
        prefix: number of the shared beginning, see ``Inspection.prefixes``; ``pieces`` follow it.
        tokens, trained: token counts of prompt and completion together, and of what the loss counts.
        reasons: why the scenario must not be trained; empty when it may.
    """

    scenario_id: str
    request: str
    split: str
    prefix: int
    pieces: tuple[Piece, ...]
    tokens: int
    trained: int
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "pieces": list(self.pieces), "reasons": list(self.reasons)}


@dataclass(frozen=True)
class Inspection:
    """All scenarios; long beginnings that many share are kept once."""

    prefixes: tuple[tuple[Piece, ...], ...]
    sights: tuple[Sight, ...]


def inspect_scenarios(
    rows: Sequence[tuple[Scenario, str]],
    toolset: Toolset,
    dialect: Dialect,
    tokenizer: PreTrainedTokenizerBase,
    context: int,
) -> Inspection:
    """Look at scenarios, each with its split.

    Args:
        context: most tokens that the model can read; 0 when it does not say.
    """
    examples = list(_examples(rows, toolset, dialect, tokenizer))
    whole = [one for one in examples if isinstance(one, Example)]
    prefixes: list[tuple[Piece, ...]] = []
    places: dict[int, tuple[int, int]] = {}
    for group in group_by_prefix([one.prompt_ids for one in whole]):
        first = whole[group.members[0]]
        places |= {id(whole[i]): (len(prefixes), group.length) for i in group.members}
        prefixes.append(tuple(_pieces(first.prompt_ids[: group.length], False, tokenizer)))
    sights = []
    for (scenario, split), example in zip(rows, examples, strict=True):
        reasons = [f"{problem.field}: {problem.message}" for problem in check_scenario(scenario, toolset)]
        if isinstance(example, str):
            sights.append(Sight(scenario.id, scenario.request, split, -1, (), 0, 0, (*reasons, example)))
            continue
        number, shared = places[id(example)]
        rest = _pieces(example.prompt_ids[shared:], False, tokenizer)
        learned = _pieces(example.completion_ids, True, tokenizer)
        tokens = len(example.prompt_ids) + len(example.completion_ids)
        reasons += _limits(example, tokens, context)
        reasons += _cut(example, scenario, dialect, tokenizer)
        sights.append(
            Sight(
                scenario.id,
                scenario.request,
                split,
                number,
                (*rest, *learned),
                tokens,
                len(example.completion_ids),
                tuple(reasons),
            )
        )
    return Inspection(tuple(prefixes), tuple(sights))


def _examples(
    rows: Sequence[tuple[Scenario, str]], toolset: Toolset, dialect: Dialect, tokenizer: PreTrainedTokenizerBase
) -> Iterator[Example | str]:
    """Each scenario's example, or why it has none. All at once; one by one only when one of them has none."""
    try:
        yield from make_examples([scenario for scenario, _ in rows], toolset, dialect, tokenizer)
        return
    except ValueError:
        pass
    for scenario, _ in rows:
        try:
            yield from make_examples([scenario], toolset, dialect, tokenizer)
        except ValueError as error:
            yield f"no token would be trained: {error}"


def _limits(example: Example, tokens: int, context: int) -> Iterator[str]:
    if context and tokens > context:
        yield f"{tokens:,} tokens are more than the {context:,} that the model can read"
    if len(example.completion_ids) > MOST_REPLY_TOKENS:
        yield f"the reply has {len(example.completion_ids)} tokens; it would be cut at {MOST_REPLY_TOKENS}"


def _cut(example: Example, scenario: Scenario, dialect: Dialect, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    """Whether the trained tokens still say what the scenario expects, stop token included."""
    ids = list(example.completion_ids)
    text = str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))
    if not text.endswith(dialect.stops):
        yield "the reply does not end with a stop token: the model would not learn to stop"
    wanted = [call.call for call in scenario.outcome.calls]
    if wanted and [_plain(call) for call in dialect.parse(text).calls] != [_plain(call) for call in wanted]:
        yield "the trained tokens do not read back as the expected calls: a call is cut off or cannot be written"


def _plain(call: ToolCall) -> dict[str, Any]:
    return call.to_dict()


def _pieces(ids: Sequence[int], trained: bool, tokenizer: PreTrainedTokenizerBase) -> Iterator[Piece]:
    """Special tokens alone, what lies between them together."""
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    for is_special, run in groupby(ids, special.__contains__):
        for part in ([one] for one in run) if is_special else [list(run)]:
            text = tokenizer.decode(part, skip_special_tokens=False, clean_up_tokenization_spaces=False)
            yield str(text), is_special, trained
