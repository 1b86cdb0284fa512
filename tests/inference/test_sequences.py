"""Rows as sequences of one context, without llama.cpp: the context computes with torch, or its logits are made up."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.small_models import make_gemma
from workbench.errors import WorkbenchError
from workbench.grammars import Choice
from workbench.inference import gguf_file
from workbench.inference.decoding import Row
from workbench.inference.engine import load
from workbench.inference.gguf_file import engine_of
from workbench.inference.gguf_model import LlamaModel, load_in_llama
from workbench.inference.picking import Hand, Sampling
from workbench.inference.prefixes import common_prefix
from workbench.inference.router import Router, Wish
from workbench.inference.sequences import SequenceBatch
from workbench.records import Message, Model, PromptProfile, Tool, Toolset
from workbench.training.artefacts.gguf import write_gguf

PING = Tool(
    "ping",
    "Test a host.",
    {"type": "object", "properties": {"host": {"type": "string", "maxLength": 6}}, "required": ["host"]},
)
CLOCK = Tool("clock", "Tell the time.", {"type": "object", "properties": {}})
TOOLSET = Toolset("net", (CLOCK, PING), PromptProfile())
STOP, VOCABULARY = 0, 7


class Held:
    """Keeps tokens instead of keys and values, and holds its callers to what they say that it holds."""

    sequences = 3

    def __init__(self, slots: int = 4096, vocabulary: int = VOCABULARY) -> None:
        self.slots, self.vocabulary, self.computed = slots, vocabulary, 0
        self.held: dict[int, list[int]] = {}

    def decode(self, news, look=True):
        assert len({sequence for sequence, _, _ in news}) == len(news)
        for sequence, before, tokens in news:
            assert len(self.held[sequence]) == before and tokens
            self.held[sequence] += tokens
            self.computed += len(tokens)
        assert self.used() <= self.slots
        return torch.stack([self.logits(self.held[sequence]) for sequence, _, _ in news]) if look else torch.empty(0)

    def cut(self, sequence, length):
        self.held[sequence] = self.held.get(sequence, [])[:length]

    def share(self, source, target, length):
        assert source != target and len(self.held[source]) >= length
        self.held[target] = self.held[source][:length]

    def used(self):
        rows = sorted(self.held.values())
        return sum(map(len, rows)) - sum(common_prefix(*pair) for pair in zip(rows, rows[1:], strict=False))

    def logits(self, tokens):
        torch.manual_seed(hash(tuple(tokens)))
        return torch.randn(self.vocabulary)


class Computed(Held):
    """Logits of a model in torch, every sequence computed anew."""

    def __init__(self, model, slots=4096):
        super().__init__(slots, model.get_output_embeddings().weight.shape[0])
        self.model = model

    @torch.inference_mode()
    def logits(self, tokens):
        return self.model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1].float()


def greedy(context, prompt, limit):
    written = []
    while len(written) < limit and written[-1:] != [STOP]:
        written.append(int(context.logits(prompt + written).argmax()))
    return written


prompts = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=12), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(prompts, st.integers(1, 6), st.integers(18, 60))
def test_rows_come_and_go_and_memory_holds(asked, limit, slots):
    context = Held(slots)
    batch = SequenceBatch(context, frozenset([STOP]))
    rows = [Row(list(prompt), Hand(stops=frozenset([STOP])), limit) for prompt in asked]
    waiting = list(zip(asked, rows, strict=True))
    while waiting or len(batch):
        while waiting and batch.fits(waiting[0][0], 1, limit):
            batch.add([waiting.pop(0)[1]])
        assert len(batch), "one alone always fits"
        batch.step()
    for prompt, row in zip(asked, rows, strict=True):
        assert row.done and row.written == greedy(context, prompt, limit)


def test_what_prompts_share_is_computed_once_and_kept():
    context = Held()
    batch = SequenceBatch(context, frozenset([STOP]))
    tools, others = [1] * 50, [2] * 40

    def cost(*prompts):
        before = context.computed
        batch.add([Row(list(prompt), Hand(), 1) for prompt in prompts])
        while len(batch):
            batch.step()
        return context.computed - before

    assert cost(tools + [3]) == 51
    assert cost(tools + [4], tools + [5]) == 2
    assert cost(others + [3]) == 41
    # One after the other with the same tools takes one place; the other tools keep theirs.
    assert [cost(tools + [i]) for i in (3, 4, 5, 6)] == [1, 1, 1, 1]
    assert cost(others + [6]) == 1


def test_what_never_fits_is_refused():
    batch = SequenceBatch(Held(slots=20), frozenset())
    batch.check([1] * 10, 1, 10)
    for count, limit in ((1, 11), (2, 6), (4, 1)):
        with pytest.raises(WorkbenchError, match="there is room for 20"):
            batch.check([1] * 10, count, limit)


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    # llama.cpp, and so the reader, takes every sixth layer of this family as a full one.
    kinds = [*["sliding_attention"] * 5, "full_attention"]
    loaded = load(Model("m", "m", str(make_gemma(folder / "model", layer_types=kinds))), torch.float32)
    write_gguf(folder / "m.gguf", loaded.model, loaded.tokenizer, "gguf-f16", {"name": "m", "description": "m"})
    return folder / "m.gguf"


@pytest.fixture(scope="module")
def routers(gguf: Path) -> tuple[Router, Router]:
    """The same file in torch, and behind the line to llama.cpp."""
    model = Model("m", "m", str(gguf), kind="gguf")
    loaded = load(model, torch.float32)
    plain = load(model, torch.float32).model
    plain.set_attn_implementation("eager")
    in_sequences = load_in_llama(model, open_context=lambda path, slots, threads: Computed(plain))
    return Router(loaded, TOOLSET), Router(in_sequences, TOOLSET)


def ask(text: str) -> list[Message]:
    return [Message("user", text)]


@pytest.mark.parametrize(
    "wish",
    [
        Wish(max_new_tokens=12, constrained=False),
        Wish(choice=Choice("forced", several=False)),
        Wish(choice=Choice("forced", "ping", several=False), sampling=Sampling(3.0, seed=5, alternatives=2), count=3),
    ],
    ids=["free", "forced", "drawn"],
)
def test_replies_are_those_of_torch(routers: tuple[Router, Router], wish: Wish) -> None:
    torch_router, router = routers
    expected = [torch_router.reply(ask(f"ping host {i}"), TOOLSET.tools, wish) for i in range(4)]
    together = [router.begin(ask(f"ping host {i}"), TOOLSET.tools, wish) for i in range(4)]
    while router.busy:
        router.step()
    for one, pending in zip(expected, together, strict=True):
        assert pending.error == "" and [d.raw for d in pending.decisions] == [d.raw for d in one]
        assert [d.confidence for d in pending.decisions] == pytest.approx([d.confidence for d in one], rel=1e-2)
    assert not any(d.problems or d.malformed for p in together for d in p.decisions if wish.constrained)


def test_it_is_cancelled_dropped_and_asked_again(routers: tuple[Router, Router]) -> None:
    router, wish = routers[1], Wish(constrained=False, max_new_tokens=20)
    first, second = (router.begin(ask(text), TOOLSET.tools, wish) for text in ("a", "b"))
    router.step()
    first.cancel()
    router.step()
    assert first.done and first.decisions[0].finish == "cancelled" and not second.done
    assert router.drop("gone") == [second] and not router.busy
    assert router.reply(ask("a"), TOOLSET.tools, wish)[0].raw
    with pytest.raises(WorkbenchError, match=r"cannot search with beams: it answers through llama\.cpp"):
        router.begin(ask("a"), TOOLSET.tools, Wish(beams=2))
    with pytest.raises(WorkbenchError, match="there is room"):
        router.begin(ask("a"), TOOLSET.tools, Wish(max_new_tokens=5000))


def test_what_the_file_says(gguf: Path, routers: tuple[Router, Router]) -> None:
    loaded = routers[1].loaded
    assert isinstance(loaded, LlamaModel) and (loaded.engine, loaded.dtype) == ("llama.cpp", "F16")
    assert (loaded.dialect, loaded.family, loaded.stops) == ("functiongemma", "gemma3", routers[0].loaded.stops)
    assert routers[0].loaded.engine == "torch" and routers[0].loaded.dtype == "float32"


def test_llama_cpp_answers_only_where_it_is(monkeypatch: pytest.MonkeyPatch, gguf: Path) -> None:
    file, weights = Model("m", "m", str(gguf), kind="gguf"), Model("m", "m", str(gguf.parent / "model"))
    # Any module that is there stands for the library.
    monkeypatch.setattr(gguf_file, "PACKAGE", "json")
    assert (engine_of(file), engine_of(weights)) == ("llama.cpp", "torch")
    monkeypatch.setattr(gguf_file, "PACKAGE", "llama_cpp_that_is_not_there")
    assert engine_of(file) == "torch" and Router(file, TOOLSET).loaded.engine == "torch"
    with pytest.raises(WorkbenchError, match="not installed"):
        load_in_llama(file)


@pytest.mark.skipif(not gguf_file.has_package(), reason="llama-cpp-python is not installed")
def test_llama_cpp_itself(gguf: Path, routers: tuple[Router, Router]) -> None:
    router = Router(Model("m", "m", str(gguf), kind="gguf"), TOOLSET)
    assert router.loaded.engine == "llama.cpp"
    wish = Wish(choice=Choice("forced", "ping", several=False))
    together = [router.begin(ask(f"ping host {i}"), TOOLSET.tools, wish) for i in range(40)]
    while router.busy:
        router.step()
    assert all(len(p.decisions[0].calls) == 1 and not p.decisions[0].problems for p in together)
    (expected,) = routers[0].reply(ask("ping host 3"), TOOLSET.tools, wish)
    assert together[3].decisions[0].confidence == pytest.approx(expected.confidence, rel=0.1)
