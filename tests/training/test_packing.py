"""Packed loss and gradients equal those of the ordinary padded batch; prompt tokens carry no loss."""

import copy
import dataclasses
import random
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import AutoModelForCausalLM

from tests.small_models import FAMILIES, make_gemma, make_qwen
from workbench.inference.attention import use_shared_prefix
from workbench.inference.engine import quiet_peft
from workbench.inference.packed import packed_loss, target_logits
from workbench.training import padding
from workbench.training.examples import Example
from workbench.training.packing import Batch, Group, make_batches, pack
from workbench.training.padding import pad

CPU = torch.device("cpu")
LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gemma(tmp_path_factory.mktemp("gemma"), window=8)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory):
    """By family and precision: the same LoRA model with ordinary and with shared attention."""

    @cache
    def find(family: str, dtype: torch.dtype):
        place = tmp_path_factory.mktemp(family)
        ordinary = make_model(FAMILIES[family](place)).to(dtype)
        packed = copy.deepcopy(ordinary)
        use_shared_prefix(packed.get_base_model())
        return ordinary, packed

    return find


def make_model(folder: Path):
    """A LoRA model whose adapter already does something: with fresh ones half of the gradients are zero."""
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with quiet_peft():
        model = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules=LAYERS))
    torch.manual_seed(1)
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def slide(model, window: int) -> None:
    """Set the window of the layers that have one."""
    base = model.get_base_model()
    base.config.sliding_window = window
    for layer in base.model.layers:
        if getattr(layer.self_attn, "sliding_window", None) is not None:
            layer.self_attn.sliding_window = window


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
    shifted, wanted = output.logits[:, :-1].float(), torch.tensor(labels)[:, 1:]
    chosen = torch.log_softmax(shifted, -1).gather(-1, wanted.clamp(min=0)[..., None])[..., 0][wanted >= 0]
    weights = torch.tensor([weight for e in batch for weight in e.weights or (1.0,) * len(e.completion_ids)])
    return -(chosen * weights).sum() / weights.sum()


def batch_of(*groups: tuple[int, tuple[Example, ...]]) -> Batch:
    return Batch(tuple(Group(prefix, members) for prefix, members in groups))


def gradients(model, losses: list[Tensor]) -> dict[str, Tensor]:
    """LoRA gradients after all losses were propagated, one after the other."""
    model.zero_grad()
    for loss in losses:
        loss.backward()
    return {name: p.grad.float().clone() for name, p in model.named_parameters() if p.requires_grad}


@st.composite
def batches(draw) -> list[Batch]:
    """One to three batches whose gradients are accumulated, each with one to three prefixes, weighted or not."""
    found = []
    for seed in range(draw(st.integers(1, 3))):
        groups = []
        for at in range(draw(st.integers(1, 3))):
            prefix, count = draw(st.integers(1, 45)), draw(st.integers(1, 10))
            members = examples(prefix, count, seed=100 * seed + at)
            if draw(st.booleans()):
                rng = random.Random(at)
                members = tuple(
                    dataclasses.replace(e, weights=tuple(rng.choice((1.0, 8.0)) for _ in e.completion_ids))
                    for e in members
                )
            groups.append((prefix, members))
        found.append(batch_of(*groups))
    return found


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_loss_and_gradients_equal_those_of_a_padded_batch(models, family: str, data) -> None:
    ordinary, packed = models(family, torch.float32)
    if family == "gemma":
        window = data.draw(st.sampled_from([2, 4, 8, 12, 38, 1024]))
        slide(ordinary, window)
        slide(packed, window)
    accumulated = data.draw(batches())
    expected = [padded_loss(ordinary, batch.examples) for batch in accumulated]
    got = [packed_loss(packed, pack(batch, CPU)) for batch in accumulated]
    for a, b in zip(expected, got, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-5, atol=0)
    wanted, found = gradients(ordinary, expected), gradients(packed, got)
    assert len(wanted) == 2 * 7 * ordinary.config.num_hidden_layers
    for name, gradient in wanted.items():
        assert gradient.norm() > 0, name
        assert (gradient - found[name]).norm() <= 1e-4 * gradient.norm(), name


def test_sliding_layers_of_qwen(tmp_path: Path) -> None:
    """Qwen 3 can slide in its upper layers."""
    ordinary = make_model(make_qwen(tmp_path, window=7))
    packed = copy.deepcopy(ordinary)
    use_shared_prefix(packed.get_base_model())
    batch = batch_of((30, examples(30, 9)))
    expected, got = padded_loss(ordinary, batch.examples), packed_loss(packed, pack(batch, CPU))
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=0)
    wanted, found = gradients(ordinary, [expected]), gradients(packed, [got])
    assert all((wanted[name] - found[name]).norm() <= 1e-4 * wanted[name].norm() for name in wanted)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=2, deadline=None)
@given(data=st.data())
def test_bfloat16_is_as_near_to_float32_as_the_padded_batch(models, family: str, data) -> None:
    """Accumulated batches, too: of all adapters' gradients together, for rounding hits each of them by chance."""
    exact, _ = models(family, torch.float32)
    ordinary, packed = models(family, torch.bfloat16)
    if family == "gemma":
        window = data.draw(st.sampled_from([4, 12, 38, 1024]))
        for model in (exact, ordinary, packed):
            slide(model, window)
    accumulated = data.draw(batches())
    wanted = gradients(exact, [padded_loss(exact, batch.examples) for batch in accumulated])
    plain = gradients(ordinary, [padded_loss(ordinary, batch.examples) for batch in accumulated])
    found = gradients(packed, [packed_loss(packed, pack(batch, CPU)) for batch in accumulated])

    def far(one: dict[str, Tensor]) -> float:
        return sum(float((one[name] - wanted[name]).square().sum()) for name in wanted) ** 0.5

    size = sum(float(gradient.square().sum()) for gradient in wanted.values()) ** 0.5
    assert far(found) <= 1.5 * far(plain) + 0.01 * size
    assert 0 < far(plain) < 0.3 * size


@pytest.mark.parametrize("keep", [True, False], ids=["logits at targets", "all logits"])
def test_our_padded_batch_is_the_ordinary_one(models, monkeypatch: pytest.MonkeyPatch, keep: bool) -> None:
    ordinary, _ = models("llama", torch.float32)
    batch = batch_of((20, examples(20, 6)), (3, examples(3, 2)))
    if not keep:
        blind = SimpleNamespace(signature=lambda _: SimpleNamespace(parameters={}))
        monkeypatch.setattr(padding, "inspect", blind)
    expected, got = padded_loss(ordinary, batch.examples), padding.padded_loss(ordinary, pad(batch, CPU))
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=0)
    wanted, found = gradients(ordinary, [expected]), gradients(ordinary, [got])
    assert all((wanted[name] - found[name]).norm() <= 1e-5 * wanted[name].norm() for name in wanted)


def test_prompt_tokens_carry_no_loss(folder: Path) -> None:
    """Logits exist only where a completion token is next, and each completion token is learned once."""
    model = make_model(folder)
    use_shared_prefix(model.get_base_model())
    batch = examples(12, 5)
    packed = pack(batch_of((12, batch)), CPU)
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
    model = make_model(folder).requires_grad_(False)
    use_shared_prefix(model.get_base_model())
    batch = examples(12, 4)
    sums = [float(packed_loss(model, pack(batch_of((12, (e,))), CPU))) * len(e.completion_ids) for e in batch]
    whole = float(packed_loss(model, pack(batch_of((12, batch)), CPU)))
    assert whole == pytest.approx(sum(sums) / sum(len(e.completion_ids) for e in batch), rel=1e-5)


def test_batches_hold_every_example_once_and_know_their_prefixes() -> None:
    first, second, third = examples(40, 25, seed=1), examples(60, 10, seed=2), examples(50, 3, seed=3)
    batches = make_batches([*first, *second, *third], 8, random.Random(0))
    held = sorted(e.prompt_ids for b in batches for e in b.examples)
    assert held == sorted(e.prompt_ids for e in (*first, *second, *third))
    for group in (group for batch in batches for group in batch.groups):
        assert len({e.prompt_ids[: group.prefix] for e in group.examples}) == 1
        assert group.prefix >= 40
    # 25 + 10 + 3 are four full batches and rests of 1, 2 and 3, which learn together.
    assert sorted(len(batch.examples) for batch in batches) == [6, 8, 8, 8, 8]
    assert sorted(len(batch.groups) for batch in batches) == [1, 1, 1, 1, 3]


def test_batches_repeat_with_the_same_seed() -> None:
    data = examples(10, 20)
    assert make_batches(data, 4, random.Random(3)) == make_batches(data, 4, random.Random(3))
    assert make_batches(data, 4, random.Random(3)) != make_batches(data, 4, random.Random(4))
