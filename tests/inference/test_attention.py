"""Attention in parts equals attention over the whole, windows and gradients included."""

import pytest
import torch
from torch import Tensor

from workbench.inference import attention
from workbench.inference.attention import Block, ForestPlan, TreePlan, additive, attend_prefix, visible

HEADS, KEY_HEADS, SIZE = 4, 2, 8


def make(tokens: int, seed: int = 0) -> list[Tensor]:
    """Query, key and value of one sequence."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((1, heads, tokens, SIZE) for heads in (HEADS, KEY_HEADS, KEY_HEADS))
    return [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]


def plain(query: Tensor, key: Tensor, value: Tensor, scale: float, seen: Tensor) -> Tensor:
    """Softmax over a full mask, written as in the textbook."""
    repeats = query.shape[1] // key.shape[1]
    scores = query @ key.repeat_interleave(repeats, 1).transpose(2, 3) * scale
    weights = torch.softmax(scores.masked_fill(~seen, -torch.inf), -1)
    return weights @ value.repeat_interleave(repeats, 1)


def assert_same(expected: Tensor, got: Tensor, inputs: list[Tensor]) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
    weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(9))
    for a, b in zip(
        torch.autograd.grad((expected * weights).sum(), inputs, retain_graph=True),
        torch.autograd.grad((got * weights).sum(), inputs),
        strict=True,
    ):
        assert (a - b).norm() <= 1e-5 * (a.norm() + 1)


@pytest.mark.parametrize("window", [None, 1, 3, 5, 9, 100])
@pytest.mark.parametrize("tokens", [1, 4, 5, 23])
def test_a_prefix_in_parts(monkeypatch: pytest.MonkeyPatch, tokens: int, window: int | None) -> None:
    monkeypatch.setattr(attention, "PART", 5)
    inputs = make(tokens)
    positions = torch.arange(tokens)
    expected = plain(*inputs, 0.3, visible(positions[:, None], positions, window))
    assert_same(expected, attend_prefix(*inputs, 0.3, window), inputs)
    assert_same(expected, attention._attend_prefix_in_parts(*inputs, 0.3, window), inputs)


@pytest.fixture(params=["products", "fused"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How rows attend: as on a CPU, and as on a GPU."""
    if request.param == "fused":
        monkeypatch.setattr(attention, "attend_rows", attention.attend_fused)
    return str(request.param)


@pytest.mark.parametrize("window", [None, 2, 4, 7, 100])
def test_a_tree_equals_its_full_mask(window: int | None, kernel: str) -> None:
    prefix, blocks = 6, (Block(2, 3), Block(1, 5))
    positions = torch.tensor([*range(6), *(6, 7, 8) * 2, *range(6, 11)])
    owners = torch.tensor([*[0] * 6, 1, 1, 1, 2, 2, 2, *[3] * 5])
    inputs = make(len(positions))
    related = (owners[:, None] == owners) | (owners == 0)
    expected = plain(*inputs, 0.5, related & visible(positions[:, None], positions, window))
    assert_same(expected, TreePlan(prefix, blocks).attend(0, *inputs, 0.5, window), inputs)


@pytest.mark.parametrize("window", [None, 3])
def test_trees_behind_each_other_do_not_see_each_other(window: int | None) -> None:
    trees = (TreePlan(6, (Block(2, 3),)), TreePlan(1, (Block(3, 2), Block(1, 4))))
    inputs = make(sum(tree.tokens for tree in trees))
    first, second = zip(*(x.split([12, 11], 2) for x in inputs), strict=True)
    alone = [tree.attend(0, *part, 0.5, window) for tree, part in zip(trees, (first, second), strict=True)]
    assert_same(torch.cat(alone, 2), ForestPlan(trees).attend(0, *inputs, 0.5, window), inputs)


def test_rows_with_a_mask_of_their_own_each(kernel: str) -> None:
    """As in decoding: what a row may see differs from row to row."""
    rows, tokens, past = 3, 2, 4
    query, key, value = (torch.randn(rows, h, tokens, SIZE) for h in (HEADS, KEY_HEADS, KEY_HEADS))
    _, key_before, value_before = (x.detach()[0] for x in make(past))
    own = torch.tensor([[[True, False], [True, True]], [[True, False], [False, True]], [[True, True], [True, True]]])
    before = torch.rand(rows, tokens, past) > 0.5
    prefix = attention.PrefixKeys(key_before, value_before)
    masks = additive(own, torch.float32)[:, None], additive(before, torch.float32)[:, None]
    got = attention.attend_rows(query, key, value, prefix, *masks, 0.5)
    for row in range(rows):
        keys = torch.cat([key_before, key[row]], 1)[None]
        values = torch.cat([value_before, value[row]], 1)[None]
        seen = torch.cat([before[row], own[row]], 1)
        expected = plain(query[row][None], keys, values, 0.5, seen)
        torch.testing.assert_close(got[row][None], expected, rtol=1e-5, atol=1e-6)
