"""Batched answers behind a shared prefix equal plain generation, one prompt at a time."""

import dataclasses
import json
import random
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    Qwen3Config,
)

from tests.small_models import FAMILIES, make_gemma, make_llama, make_neox, make_qwen, make_tokenizer
from workbench.dialects import get_dialect, hermes
from workbench.errors import WorkbenchError
from workbench.inference import engine, families
from workbench.inference.engine import Answer, Prompt, answer, load, ready
from workbench.records import Model

WORDS = "find files ping host count name folder the a to please show me what is on my disk 1 2 3".split()
NEW_TOKENS = 24


def model_at(folder: Path | str, adapter: Path | str = "", dialect: str = "auto") -> Model:
    return Model("small", "Small", str(folder), str(adapter), dialect)


@pytest.fixture(scope="module", params=[6, 4096], ids=["window shorter than the prompts", "window longer"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gemma(tmp_path_factory.mktemp("gemma"), window=request.param)


def make_prompts(heads: tuple[str, ...], count: int, bos: str = "<bos>") -> list[Prompt]:
    rng = random.Random(0)
    texts = [f"{bos}{rng.choice(heads)}{' '.join(rng.choices(WORDS, k=rng.randint(1, 12)))}" for _ in range(count)]
    return [Prompt(f"p{i}", text) for i, text in enumerate(texts)]


def plain(folder: Path, prompt: Prompt, stops: frozenset[int]) -> list[int]:
    """The tokens that transformers generates for one prompt alone."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = torch.tensor([tokenizer(prompt.text, add_special_tokens=False)["input_ids"]])
    written = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=NEW_TOKENS,
        do_sample=False,
        eos_token_id=sorted(stops),
        pad_token_id=0,
    )
    return written[0, ids.shape[1] :].tolist()


ONE_HEAD = ("the folder of my files is long and so is this prefix: ",)
TWO_HEADS = ("find files: " * 4, "ping " * 9)


@pytest.mark.parametrize("heads", [ONE_HEAD, TWO_HEADS], ids=["one prefix", "two prefixes"])
@pytest.mark.parametrize("batch_size", [1, 5, 32])
def test_answers_equal_one_by_one_generation(folder: Path, heads: tuple[str, ...], batch_size: int) -> None:
    loaded = load(model_at(folder), torch.float32)
    prompts = make_prompts(heads, 11)
    answers = {found.id: found for found in answer(loaded, prompts, NEW_TOKENS, batch_size)}
    assert len(answers) == len(prompts)
    for prompt in prompts:
        assert answers[prompt.id].raw == loaded.tokenizer.decode(plain(folder, prompt, loaded.stops))


@pytest.mark.parametrize("family", ["qwen", "sliding qwen", "llama", "neox"])
@pytest.mark.parametrize("heads", [ONE_HEAD, TWO_HEADS], ids=["one prefix", "two prefixes"])
def test_other_families_answer_as_one_by_one(family: str, heads: tuple[str, ...], tmp_path: Path) -> None:
    make = {
        "qwen": make_qwen,
        "sliding qwen": lambda path: make_qwen(path, window=6),
        "llama": make_llama,
        "neox": make_neox,
    }
    make[family](tmp_path)
    loaded = load(model_at(tmp_path, dialect="hermes" if family == "neox" else "auto"), torch.float32)
    assert loaded.shares_prefixes == (family != "neox")
    bos = {"llama": "<|begin_of_text|>", "neox": ""}.get(family, "<|im_start|>")
    prompts = make_prompts(heads, 7, bos)
    for found in answer(loaded, prompts, NEW_TOKENS, 3):
        expected = plain(tmp_path, prompts[int(found.id[1:])], loaded.stops)
        assert found.raw == loaded.tokenizer.decode(expected)
        assert found.completion_tokens == len(expected) and 0 < found.confidence <= 1


def test_padded_answers_carry_the_same_confidence(tmp_path: Path) -> None:
    loaded = load(model_at(make_llama(tmp_path)), torch.float32)
    padded = ready(AutoModelForCausalLM.from_pretrained(tmp_path), loaded.tokenizer)
    padded.model.set_attn_implementation("sdpa")
    padded = dataclasses.replace(padded, padded_because="the test says so")
    prompts = make_prompts(ONE_HEAD, 5, "<|begin_of_text|>")
    expected = {a.id: a for a in answer(loaded, prompts, 9)}
    for found in answer(padded, prompts, 9, 2):
        assert found.raw == expected[found.id].raw
        assert found.confidence == pytest.approx(expected[found.id].confidence, rel=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_speaks_its_dialect(family: str, tmp_path: Path) -> None:
    loaded = load(model_at(FAMILIES[family](tmp_path)), torch.float32)
    assert loaded.dialect == {"gemma": "functiongemma", "qwen": "qwen3", "llama": "llama3"}[family]
    stops = {loaded.tokenizer.decode([i]) for i in loaded.stops}
    assert stops == set(get_dialect(loaded.dialect).stops)
    assert loaded.batching == {"dialect": loaded.dialect, "batching": "shared prefix"} and not loaded.notice


def test_a_template_without_the_switch_belongs_to_a_model_that_does_not_think() -> None:
    tokenizer = make_tokenizer(special=hermes.CONTROL_TOKENS, bos="", eos=hermes.TURN_END, pad=hermes.EOS)
    assert families.dialect_of("qwen3", tokenizer) == "qwen3"
    tokenizer.chat_template = "{{ messages }}"
    assert families.dialect_of("qwen3", tokenizer) == "hermes"
    tokenizer.chat_template = "{% if enable_thinking %}{% endif %}"
    assert families.dialect_of("qwen3", tokenizer) == "qwen3"
    assert families.dialect_of("qwen3", tokenizer, "llama3") == "llama3"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (GPT2Config(), "gpt2"),
        (Gemma3TextConfig(use_bidirectional_attention=True), "looks ahead"),
        (LlamaConfig(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}), "length of the row"),
        (LlamaConfig(), ""),
        (Qwen3Config(), ""),
        (Gemma3TextConfig(), ""),
    ],
)
def test_what_cannot_share_a_prefix_says_why(config, reason: str) -> None:
    found = families.why_not_shared(config)
    assert bool(found) == bool(reason) and reason in found


def test_rows_leave_the_batch_at_their_stop_token(folder: Path) -> None:
    """Any token may serve as the stop: rows that meet it end with it, others go on."""
    loaded = load(model_at(folder), torch.float32)
    prompts = make_prompts(("ping host ",), 8)
    free = {found.id: found for found in answer(loaded, prompts, NEW_TOKENS)}
    stop = plain(folder, prompts[0], loaded.stops)[3]
    stopping = dataclasses.replace(loaded, stops=loaded.stops | {stop})
    for found in answer(stopping, prompts, NEW_TOKENS):
        assert free[found.id].raw.startswith(found.raw)
        assert found.raw == loaded.tokenizer.decode(plain(folder, prompts[int(found.id[1:])], stopping.stops))
    assert any(found.completion_tokens < NEW_TOKENS for found in answer(stopping, prompts, NEW_TOKENS))


def test_answers_carry_counts_and_confidence(folder: Path) -> None:
    loaded = load(model_at(folder), torch.float32)
    found = list(answer(loaded, make_prompts(("ping ",), 3), 5))
    assert all(isinstance(a, Answer) and 0 < a.confidence <= 1 and a.latency_ms > 0 for a in found)
    assert all(0 < a.completion_tokens <= 5 and a.prompt_tokens > 1 for a in found)


def test_confidence_is_the_product_of_token_probabilities(folder: Path) -> None:
    loaded = load(model_at(folder), torch.float32)
    prompt = Prompt("p", "<bos>ping host ")
    (found,) = answer(loaded, [prompt], 3)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).requires_grad_(False)
    ids = loaded.tokenizer(prompt.text, add_special_tokens=False)["input_ids"]
    product = 1.0
    for _ in range(3):
        chances = torch.softmax(model(torch.tensor([ids])).logits[0, -1], -1)
        product *= float(chances.max())
        ids = [*ids, int(chances.argmax())]
    assert found.confidence == pytest.approx(product, rel=1e-3)


def test_no_prompts_no_answers(folder: Path) -> None:
    assert list(answer(load(model_at(folder)), [])) == []


def test_missing_folder_and_folder_without_model_are_explained(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="There is no folder") as caught:
        load(model_at(tmp_path / "nothing"))
    assert caught.value.hint
    with pytest.raises(WorkbenchError, match=r"no config\.json"):
        load(model_at(tmp_path))


def test_unreachable_hub_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("We couldn't connect to 'https://huggingface.co' to load the files")

    monkeypatch.setattr(engine.AutoTokenizer, "from_pretrained", refuse)
    with pytest.raises(WorkbenchError, match="neither in the local cache nor") as caught:
        load(model_at("someone/some-model"))
    assert "starter" in caught.value.hint


def test_gated_model_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("You are trying to access a gated repo. 401 Client Error")

    monkeypatch.setattr(engine.AutoTokenizer, "from_pretrained", refuse)
    with pytest.raises(WorkbenchError, match="accepted its terms"):
        load(model_at("google/functiongemma-270m-it"))


def test_a_model_without_a_dialect_is_refused(tmp_path: Path) -> None:
    make_neox(tmp_path)
    with pytest.raises(WorkbenchError, match="gpt_neox model knows the control tokens of no dialect") as caught:
        load(model_at(tmp_path))
    assert "llama3" in caught.value.hint
    with pytest.raises(WorkbenchError, match="no dialect 'klingon'"):
        load(model_at(tmp_path, dialect="klingon"))


def test_a_model_that_does_not_write_text_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(WorkbenchError, match="cannot be read"):
        load(model_at(tmp_path))


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WorkbenchError, match="cannot be read") as caught:
        load(model_at(tmp_path))
    assert "pickled" in caught.value.hint


def test_incomplete_adapter_is_explained(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"no adapter_config\.json"):
        load(model_at(folder, tmp_path))
