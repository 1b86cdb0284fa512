"""Attention over a prefix tree equals ordinary attention over each continuation alone, sliding windows included."""

import pytest
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from workbench.inference import prefix_attention
from workbench.inference.prefix_attention import Tree


def make_model(window: int) -> Gemma3ForCausalLM:
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, sliding_window=window,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
    )  # fmt: skip
    return Gemma3ForCausalLM(config).eval()


@pytest.mark.parametrize("window", [4, 16, 512])
@pytest.mark.parametrize(("prefix", "lengths"), [(11, [5, 5, 5]), (20, [3, 7, 6, 1]), (1, [4])])
def test_logits_equal_those_of_each_sequence_alone(window: int, prefix: int, lengths: list[int]) -> None:
    prefix_attention.register()
    model = make_model(window)
    head = torch.randint(3, 97, (prefix,))
    tails = [torch.randint(3, 97, (length,)) for length in lengths]
    longest = max(lengths)
    padded = [torch.cat((tail, torch.zeros(longest - len(tail), dtype=torch.long))) for tail in tails]
    tree = Tree(prefix, ((len(tails), longest),))
    none = {"full_attention": None, "sliding_attention": None}
    with torch.no_grad():
        alone = [model(torch.cat((head, tail))[None]).logits[0] for tail in tails]
        model.config._attn_implementation = prefix_attention.NAME
        packed = model(
            torch.cat((head, *padded))[None], position_ids=tree.positions(), attention_mask=none, use_cache=False,
            tree=tree,
        ).logits[0]  # fmt: skip
    torch.testing.assert_close(packed[:prefix], alone[0][:prefix], rtol=1e-4, atol=1e-5)
    for i, tail in enumerate(tails):
        start = prefix + i * longest
        torch.testing.assert_close(packed[start : start + len(tail)], alone[i][prefix:], rtol=1e-4, atol=1e-5)


def test_blocks_of_different_length_do_not_see_each_other() -> None:
    tree = Tree(3, ((2, 2), (1, 4)))
    assert tree.positions().tolist() == [[0, 1, 2, 3, 4, 3, 4, 3, 4, 5, 6]]
