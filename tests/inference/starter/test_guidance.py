"""Guidance points at the right tokens, leaves attention as it is, and can be followed."""

import random

import pytest
import torch
from transformers import Gemma3ForCausalLM, PreTrainedTokenizerFast

from workbench.inference.attention import TreePlan, use_shared_prefix
from workbench.inference.packed import packed_loss, target_logits
from workbench.inference.starter.generator import Difficulty, rows
from workbench.inference.starter.guidance import Readouts
from workbench.inference.starter.packing import pack, texts
from workbench.inference.starter.pretrain import guidance, make_config
from workbench.workspace import STARTER

DIFFICULTY = Difficulty(3, 6, arguments=(0, 1), requests=12, literal=1.0, invented=1.0)


@pytest.fixture(scope="module")
def tokenizer():
    return PreTrainedTokenizerFast.from_pretrained(STARTER)


@pytest.fixture(scope="module", params=range(3))
def packed(request, tokenizer):
    row = next(rows(request.param, lambda: DIFFICULTY))
    return row, pack(row, tokenizer, random.Random(0))


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = Gemma3ForCausalLM(make_config())
    use_shared_prefix(model)
    return model


def test_positions(packed, tokenizer):
    row, found = packed
    guide, ids = found.plan.guide, found.ids[0].tolist()
    names = [tool.name for tool in row.toolset.tools]
    assert len(guide.names) == len(guide.spans) == len(names)
    for (first, behind), start, name in zip(guide.spans.tolist(), guide.names.tolist(), names, strict=True):
        assert f"declaration:{name}{{" in tokenizer.decode(ids[first:behind])
        assert tokenizer.decode(ids[start:behind]).startswith(name)
    for at, owner in zip(guide.declared.tolist(), guide.owner.tolist(), strict=True):
        assert guide.names[owner] < at < guide.spans[owner][1]


def test_calls_stand_before_names_and_words_in_requests(packed, tokenizer):
    row, found = packed
    guide, ids = found.plan.guide, found.ids[0].tolist()
    firsts = [ids[at] for at in guide.names.tolist()]
    called = sum(bool(scenario.outcome.calls) for scenario in row.scenarios)
    assert 0 < len(guide.calls) <= called == sum(">call:" in reply for _, reply in texts(row)[1])
    assert all(tokenizer.decode(ids[at]) == "call:" and ids[at + 1] in firsts for at in guide.calls.tolist())
    for at, tool, evident in zip(guide.words.tolist(), guide.asked.tolist(), guide.evident.tolist(), strict=True):
        assert at >= found.plan.prefix and guide.wordy[at] and tokenizer.decode(ids[at]).isalpha()
        holders = [i for i, (a, b) in enumerate(guide.spans.tolist()) if ids[at] in ids[a:b]]
        assert evident == (holders == [tool])
    assert guide.evident.any()


def test_texts_are_pointed_at_where_the_request_holds_them_once(packed, tokenizer):
    row, found = packed
    guide, ids = found.plan.guide, found.ids[0].tolist()
    said = {scenario.request for scenario in row.scenarios}
    pointed = list(zip(guide.pointers.tolist(), guide.pointed.tolist(), guide.pointer_rows.tolist(), strict=True))
    for at, to, start in pointed:
        assert tokenizer.decode(ids[at]) == "<escape>" and ids[at + 1] == ids[to] and start < to < at
        assert any(request in tokenizer.decode(ids[start:at]) for request in said)
    values = [(s.request, v) for s in row.scenarios for c in s.outcome.calls for v in c.arguments.values()]
    copied = sum(isinstance(value, str) and value in request for request, value in values)
    assert copied / 2 < len(pointed) <= sum(reply.count("<escape>") for _, reply in texts(row)[1]) / 2


def test_attention_is_that_of_the_unguided_tree(packed, model):
    _, found = packed
    plain = TreePlan(found.plan.prefix, found.plan.blocks)
    with torch.no_grad():
        told = target_logits(model, found)
        alone = target_logits(model, type(found)(found.ids, found.positions, found.targets, found.labels, plain))
    assert torch.equal(told, alone) and not found.plan.losses


def test_without_guide_the_same_row_is_learned(packed, model, tokenizer):
    row, found = packed
    alone = pack(row, tokenizer, random.Random(0), guided=False)
    assert alone.plan.guide is None
    assert torch.equal(alone.ids, found.ids) and torch.equal(alone.targets, found.targets)
    packed_loss(model, alone)
    assert not alone.plan.losses


def test_it_can_be_followed(tokenizer, model):
    row = next(rows(7, lambda: DIFFICULTY))
    readouts = Readouts(model)
    optimizer = torch.optim.AdamW([*model.parameters(), *readouts.maps.parameters()], lr=3e-3)
    losses = []
    for _ in range(12):
        found = pack(row, tokenizer, random.Random(0))
        packed_loss(model, found)
        loss = guidance(found, readouts)
        assert set(found.plan.losses) == {"bind", "match", "vote", "point"}
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
