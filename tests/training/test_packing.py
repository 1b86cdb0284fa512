"""Packed loss and gradients equal those of the ordinary padded batch; prompt tokens carry no loss."""

import copy
import random
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from tests.small_models import make_gemma
from workbench.inference.attention import use_shared_prefix
from workbench.inference.engine import quiet_peft
from workbench.inference.packed import packed_loss, target_logits
from workbench.training.examples import Example
from workbench.training.packing import Batch, make_batches, pack

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gemma(tmp_path_factory.mktemp("gemma"), window=8)


def make_model(folder: Path, window: int):
    """A LoRA model whose adapter already does something: with fresh ones half of the gradients are zero."""
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    base.config.sliding_window = window
    for layer in base.model.layers:
        if layer.self_attn.sliding_window is not None:
            layer.self_attn.sliding_window = window
    layers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    with quiet_peft():
        model = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules=layers))
    torch.manual_seed(1)
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def examples(prefix: int, count: int, seed: int = 0) -> tuple[Example, ...]:
    rng = random.Random(seed)
    head = [rng.randrange(13, 200) for _ in range(prefix)]

    def tail(shortest: int, longest: int) -> list[int]:
        return [rng.randrange(13, 200) for _ in range(rng.randint(shortest, longest))]

    return tuple(Example(f"e{i}", (*head, *tail(1, 9)), tuple(tail(1, 12))) for i in range(count))


def padded_loss(model, batch: tuple[Example, ...]) -> torch.Tensor:
    """What everybody does: one row an example, prompt and padding labelled -100."""
    longest = max(len(e.prompt_ids) + len(e.completion_ids) for e in batch)
    rows, labels, mask = [], [], []
    for e in batch:
        pad = [0] * (longest - len(e.prompt_ids) - len(e.completion_ids))
        rows.append([*e.prompt_ids, *e.completion_ids, *pad])
        labels.append([-100] * len(e.prompt_ids) + [*e.completion_ids] + [-100] * len(pad))
        mask.append([1] * (longest - len(pad)) + [0] * len(pad))
    output = model(input_ids=torch.tensor(rows), attention_mask=torch.tensor(mask), use_cache=False)
    shifted, wanted = output.logits[:, :-1], torch.tensor(labels)[:, 1:]
    return torch.nn.functional.cross_entropy(shifted.reshape(-1, shifted.shape[-1]), wanted.reshape(-1))


@pytest.mark.parametrize(("prefix", "window"), [(30, 8), (30, 1024), (5, 12), (1, 4), (40, 38)])
def test_loss_and_gradients_equal_those_of_a_padded_batch(folder: Path, prefix: int, window: int) -> None:
    ordinary = make_model(folder, window)
    packed = copy.deepcopy(ordinary)
    use_shared_prefix(packed.get_base_model())
    batch = examples(prefix, 19)
    expected, got = padded_loss(ordinary, batch), packed_loss(packed, pack(Batch(prefix, batch), CPU))
    expected.backward()
    got.backward()
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=0)
    compared = 0
    for (name, a), b in zip(ordinary.named_parameters(), packed.parameters(), strict=True):
        if a.requires_grad:
            assert a.grad is not None and b.grad is not None
            assert (a.grad - b.grad).norm() <= 1e-4 * a.grad.norm(), name
            assert a.grad.norm() > 0, name
            compared += 1
    assert compared == 2 * 7 * 3


def test_prompt_tokens_carry_no_loss(folder: Path) -> None:
    """Logits exist only where a completion token is next, and each completion token is learned once."""
    model = make_model(folder, 8)
    use_shared_prefix(model.get_base_model())
    batch = examples(12, 5)
    packed = pack(Batch(12, batch), CPU)
    logits = target_logits(model, packed)
    learned = sorted(packed.labels.tolist())
    assert logits.shape[0] == len(packed.labels) == sum(len(e.completion_ids) for e in batch)
    assert learned == sorted(token for e in batch for token in e.completion_ids)
    # The token behind each target is the one that is learned, unless it is the last of its row and not in the input.
    ids = packed.ids[0].tolist()
    for example in batch:
        whole = example.completion_ids
        learned_at = zip(packed.targets.tolist(), packed.labels.tolist(), strict=True)
        starts = [t for t, label in learned_at if label == whole[0]]
        assert any(ids[t + 1 : t + len(whole)] == list(whole[:-1]) for t in starts)


def test_the_mean_is_over_completion_tokens(folder: Path) -> None:
    model = make_model(folder, 8).requires_grad_(False)
    use_shared_prefix(model.get_base_model())
    batch = examples(12, 4)
    sums = [float(packed_loss(model, pack(Batch(12, (e,)), CPU))) * len(e.completion_ids) for e in batch]
    whole = float(packed_loss(model, pack(Batch(12, batch), CPU)))
    assert whole == pytest.approx(sum(sums) / sum(len(e.completion_ids) for e in batch), rel=1e-5)


def test_batches_hold_every_example_once_and_one_prefix_each() -> None:
    first, second = examples(40, 25, seed=1), examples(60, 10, seed=2)
    batches = make_batches([*first, *second], 8, random.Random(0))
    assert sorted(e.prompt_ids for b in batches for e in b.examples) == sorted(e.prompt_ids for e in (*first, *second))
    for batch in batches:
        assert len(batch.examples) <= 8
        assert len({e.prompt_ids[: batch.prefix] for e in batch.examples}) == 1
        assert batch.prefix >= 40


def test_batches_repeat_with_the_same_seed() -> None:
    data = examples(10, 20)
    assert make_batches(data, 4, random.Random(3)) == make_batches(data, 4, random.Random(3))
    assert make_batches(data, 4, random.Random(3)) != make_batches(data, 4, random.Random(4))
