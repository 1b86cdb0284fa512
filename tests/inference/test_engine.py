"""Batched answers behind a shared prefix equal plain generation, one prompt at a time."""

import dataclasses
import json
import random
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.small_models import make_gemma
from workbench.errors import WorkbenchError
from workbench.inference import engine
from workbench.inference.engine import Answer, Prompt, answer, load
from workbench.records import Model

WORDS = "find files ping host count name folder the a to please show me what is on my disk 1 2 3".split()
NEW_TOKENS = 24


def model_at(folder: Path | str, adapter: Path | str = "") -> Model:
    return Model("small", "Small", str(folder), str(adapter))


@pytest.fixture(scope="module", params=[6, 4096], ids=["window shorter than the prompts", "window longer"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gemma(tmp_path_factory.mktemp("gemma"), window=request.param)


def make_prompts(heads: tuple[str, ...], count: int) -> list[Prompt]:
    rng = random.Random(0)
    texts = [f"<bos>{rng.choice(heads)}{' '.join(rng.choices(WORDS, k=rng.randint(1, 12)))}" for _ in range(count)]
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

    monkeypatch.setattr(engine.AutoConfig, "from_pretrained", refuse)
    with pytest.raises(WorkbenchError, match="neither in the local cache nor") as caught:
        load(model_at("someone/some-model"))
    assert "starter" in caught.value.hint


def test_gated_model_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("You are trying to access a gated repo. 401 Client Error")

    monkeypatch.setattr(engine.AutoConfig, "from_pretrained", refuse)
    with pytest.raises(WorkbenchError, match="accepted its terms"):
        load(model_at("google/functiongemma-270m-it"))


def test_other_families_are_refused(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "other"
    copied.mkdir()
    config = json.loads((folder / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "model_type": "gpt2"}))
    with pytest.raises(WorkbenchError, match="family 'gpt2'"):
        load(model_at(copied))


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
