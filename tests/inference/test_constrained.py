"""A model of random weights that is held to a grammar writes valid calls, batched or alone, in every family."""

import dataclasses
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.small_models import FAMILIES, make_llama, make_neox
from workbench.dialects import get_dialect
from workbench.grammars import Choice, Grammars, Limits
from workbench.inference.engine import LoadedModel, Prompt, answer, grammars_of, load
from workbench.inference.picking import Hand, Sampling, pick
from workbench.inference.replies import reply_to
from workbench.records import Model, Scenario, Tool, Toolset
from workbench.scenarios.validate import check_call

TOOLS = (
    Tool(
        "ping",
        "Test a host.",
        {
            "type": "object",
            "properties": {
                "host": {"type": "string", "maxLength": 8},
                "count": {"type": "integer", "minimum": 1, "maximum": 99},
                "how": {"enum": ["fast", "slow"]},
            },
            "required": ["host", "how"],
        },
    ),
    Tool("clock", "Tell the time.", {"type": "object", "properties": {}}),
)
TOOLSET = Toolset("net", TOOLS)
WORDS = "find files ping host count name folder the a to please show me".split()


def load_small(folder: Path, make) -> LoadedModel:
    dialect = "hermes" if make is make_neox else "auto"
    return load(Model("small", "Small", str(make(folder)), dialect=dialect), torch.float32)


@pytest.fixture(scope="module", params=[*FAMILIES, "neox"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_small(tmp_path_factory.mktemp(request.param), FAMILIES.get(request.param, make_neox))


def prompts_of(loaded: LoadedModel, count: int) -> list[Prompt]:
    head = "<bos>" if loaded.dialect == "functiongemma" else ""
    return [Prompt(f"p{i}", f"{head}{' '.join(WORDS[: 2 + i % 9])} {i}") for i in range(count)]


def test_forced_calls_are_valid_and_the_same_alone(loaded: LoadedModel) -> None:
    grammars = grammars_of(loaded)
    grammars.limits = Limits(text=8, calls=2)
    start = partial(grammars.start, TOOLS, Choice("forced"))
    prompts = prompts_of(loaded, 7)
    prompts = [dataclasses.replace(prompt, constraint=start) for prompt in prompts]
    batched = {found.id: found for found in answer(loaded, prompts, 200, 7)}
    parse = get_dialect(loaded.dialect).parse
    for found in batched.values():
        parsed = parse(found.raw)
        assert parsed.kind == "calls", (parsed.reason, found.raw)
        assert all(check_call(call, TOOLSET, "call") == [] for call in parsed.calls)
        assert 0 < found.confidence <= 1
    for found in answer(loaded, prompts, 200, 1):
        assert found.raw == batched[found.id].raw
        assert found.confidence == pytest.approx(batched[found.id].confidence, rel=1e-2)


def test_drawn_calls_are_valid(tmp_path: Path) -> None:
    """Two hundred drawn calls of one random model: the grammar alone makes them valid."""
    loaded = load_small(tmp_path, make_llama)
    grammars = grammars_of(loaded)
    picked = []
    for seed in range(8):
        samplings = [Sampling(temperature=2.0, seed=25 * seed + at) for at in range(25)]
        matchers = [(grammars.start(TOOLS, Choice("forced", several=False)), loaded.stops) for _ in samplings]
        hands = [Hand(*both, sampling) for both, sampling in zip(matchers, samplings, strict=True)]
        ended: set[int] = set()
        for _ in range(120):
            rows = [row for row in range(25) if row not in ended]
            if not rows:
                break
            logits = torch.randn(len(rows), loaded.model.config.vocab_size)
            tokens, _scores = pick([hands[row] for row in rows], logits)
            for row, token in zip(rows, tokens, strict=True):
                picked.append((seed, row, token))
                if token in loaded.stops:
                    ended.add(row)
    raws: dict[tuple[int, int], list[int]] = {}
    for seed, row, token in picked:
        raws.setdefault((seed, row), []).append(token)
    assert len(raws) == 200
    for tokens in raws.values():
        parsed = get_dialect(loaded.dialect).parse(str(loaded.tokenizer.decode(tokens)))
        assert parsed.kind == "calls", parsed.reason
        assert check_call(parsed.calls[0], TOOLSET, "call") == []


def test_the_model_decides_between_text_and_calls(loaded: LoadedModel) -> None:
    free = {r.scenario_id: r for r in reply_to(loaded, scenarios(9), TOOLSET, 12, constrained=False)}
    for reply in reply_to(loaded, scenarios(9), TOOLSET, 12, constrained=True):
        assert reply.parsed.kind != "calls" or not check_call(reply.parsed.calls[0], TOOLSET, "call")
        written = free[reply.scenario_id]
        if written.parsed.kind == "text" and written.raw.isascii() and "{" not in written.raw:
            assert reply.raw == written.raw


def test_an_evaluation_holds_replies_to_the_tools_that_a_scenario_offers(tmp_path: Path) -> None:
    loaded = load_small(tmp_path, make_llama)
    matchers = []
    start = Grammars.start

    def noted(self, tools, choice=None):
        matchers.append([tool.name for tool in tools])
        return start(self, tools, choice)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Grammars, "start", noted)
        asked = [dataclasses.replace(s, tools=("clock",)) if i else s for i, s in enumerate(scenarios(2))]
        assert len(list(reply_to(loaded, asked, TOOLSET, 4, constrained=True))) == 2
    assert sorted(matchers) == [["clock"], ["ping", "clock"]]


def test_forced_tokens_skip_the_forward_pass(tmp_path: Path) -> None:
    loaded = load_small(tmp_path, make_llama)
    passes: list[int] = []
    inner = loaded.model.forward

    def counted(*args, **kwargs):
        passes.append(kwargs["input_ids"].shape[1])
        return inner(*args, **kwargs)

    loaded.model.forward = counted
    start = partial(grammars_of(loaded).start, TOOLS[1:], Choice("forced", several=False))
    (found,) = answer(loaded, [Prompt("p", "<|begin_of_text|>what time is it", start)], 100, 1)
    assert found.raw.startswith('{"name": "clock", "parameters": {}}<|') and found.confidence < 1.0
    assert len(passes) == 2, "the prefix, and one pass for the row and all that is forced"
    assert found.completion_tokens > 10


def test_drawing_follows_its_settings() -> None:
    logits = torch.tensor([[0.0, 3.0, 2.0, -5.0]])

    def draws(**settings) -> set[int]:
        hand = Hand(sampling=Sampling(**{"temperature": 1.0, **settings}))
        return {pick([hand], logits.clone())[0][0] for _ in range(200)}

    assert draws(temperature=0.0) == {1} and draws(top_k=1) == {1} and draws(top_p=0.01) == {1}
    assert draws(top_k=2) == {1, 2} and draws(top_p=0.9) == {1, 2}
    assert draws(bias={3: 100.0}) == {3} and draws(temperature=50.0) == {0, 1, 2, 3}

    def row(seed: int) -> list[int]:
        hand = Hand(sampling=Sampling(3.0, seed=seed))
        return [pick([hand], logits.clone())[0][0] for _ in range(20)]

    assert row(1) == row(1) != row(2)


def test_alternatives_are_told_and_a_watcher_ends_a_row() -> None:
    told = []

    def watch(taken):
        told.append(taken)
        return len(told) < 2

    hand = Hand(sampling=Sampling(alternatives=2), watch=watch)
    logits = torch.tensor([[0.0, 3.0, 2.0]])
    pick([hand], logits)
    assert [token for token, _ in told[0].alternatives] == [1, 2] and not hand.ended
    pick([hand], logits)
    assert hand.ended


def scenarios(count: int) -> list[Scenario]:
    return [
        dataclasses.replace(Scenario("s", "net", "ping"), id=f"s{i}", request=f"ping host {i}") for i in range(count)
    ]
