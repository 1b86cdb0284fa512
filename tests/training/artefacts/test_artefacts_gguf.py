"""GGUF files of each family, read back: the same tokens, almost the same logits."""

from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGUFReader
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, trainers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.tokenization_utils_base import generate_merges

from tests.small_models import TEXT, make_gemma, make_llama, make_neox, make_qwen
from workbench.errors import WorkbenchError
from workbench.inference.engine import load_base
from workbench.inference.gguf_vocabulary import BYTE, CONTROL, SPACE, UNUSED, to_tokenizer
from workbench.training.artefacts.gguf import pair_up, refuse_unsayable, write_gguf
from workbench.training.artefacts.vocabulary import to_vocabulary

ABOUT = {"name": "tiny", "description": "a test"}
WINDOWS = [*["sliding_attention"] * 5, "full_attention"]
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


def gemma(folder: Path) -> Path:
    return make_gemma(folder, layer_types=WINDOWS)


def llama(folder: Path) -> Path:
    return make_llama(folder, rope_parameters=LLAMA3, attention_bias=True)


def export(folder: Path, format: str, target: Path) -> tuple[Any, Any]:
    weights, tokenizer = load_base(str(folder))
    path = target / f"tiny-{format}.gguf"
    write_gguf(path, weights, tokenizer, format, ABOUT, ["ping the host a 17 times"])
    return weights, path


@torch.inference_mode()
def largest_difference(one: Any, other: Any) -> float:
    ids = torch.arange(40)[None] * 7 % 300
    return float((one.eval()(ids).logits - other.eval()(ids).logits).abs().max())


@pytest.mark.parametrize("make", [gemma, make_qwen, llama], ids=["gemma", "qwen", "llama"])
def test_it_is_read_back(make: Any, tmp_path: Path) -> None:
    folder = make(tmp_path / "model")
    for format, most in (("gguf-f16", 0.01), ("gguf-bf16", 0.2), ("gguf-q8_0", 0.5)):
        weights, path = export(folder, format, tmp_path)
        again, tokenizer = load_base(str(path))
        assert 0 < largest_difference(weights, again) < most, format
        original = load_base(str(folder))[1]
        assert tokenizer.get_vocab() == original.get_vocab()
        text = "<bos>please ping host 17\n<|im_start|>" + TEXT[0]
        assert tokenizer(text)["input_ids"] == original(text)["input_ids"]
        assert tokenizer.eos_token_id == original.eos_token_id


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (make_gemma, {"layer_types": WINDOWS, "head_dim": 256, "heads": 1, "key_heads": 1}),
        (make_qwen, {"head_dim": 128}),
        (make_llama, {}),
    ],
)
def test_transformers_reads_it_without_our_help(make: Any, options: dict[str, Any], tmp_path: Path) -> None:
    weights, path = export(make(tmp_path / "model", **options), "gguf-f16", tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=path.name, dtype=torch.float32)
    assert largest_difference(weights, again) < 0.01


def test_a_shared_head_is_left_out_and_the_fields_are_there(tmp_path: Path) -> None:
    folder = make_llama(tmp_path / "model", tie_word_embeddings=True)
    _, tokenizer = load_base(str(folder))
    tokenizer.chat_template = "{{ bos_token }}{{ messages }}"
    tokenizer.save_pretrained(folder)
    weights, path = export(folder, "gguf-f16", tmp_path)
    reader = GGUFReader(path)
    assert "output.weight" not in {tensor.name for tensor in reader.tensors}
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["llama.attention.key_length"] == fields["llama.attention.value_length"] == 8
    assert (fields["tokenizer.ggml.model"], fields["tokenizer.ggml.pre"]) == ("gpt2", "gpt-2")
    assert fields["tokenizer.chat_template"] == tokenizer.chat_template and fields["tokenizer.ggml.add_bos_token"]
    assert fields["tokenizer.ggml.eot_token_id"] == tokenizer.convert_tokens_to_ids("<|eot_id|>")
    again, read = load_base(str(path))
    assert again.config.tie_word_embeddings and read.chat_template == tokenizer.chat_template
    assert largest_difference(weights, again) < 0.01


def test_pairs_are_what_rotating_neighbours_needs() -> None:
    rows = torch.arange(8)[:, None]
    assert pair_up(rows, 1)[:, 0].tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert pair_up(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_the_sliding_window_is_written(tmp_path: Path) -> None:
    _, path = export(gemma(tmp_path / "model"), "gguf-f16", tmp_path)
    assert GGUFReader(path).fields["gemma3.attention.sliding_window"].contents() == 16
    again, _ = load_base(str(path))
    assert again.config.layer_types == WINDOWS and again.config.sliding_window == 16


@pytest.mark.parametrize(
    ("make", "reason"),
    [(make_gemma, "every sixth layer"), (make_neox, "not 'gpt_neox'")],
)
def test_what_cannot_be_said_is_refused(make: Any, reason: str, tmp_path: Path) -> None:
    weights, _ = load_base(str(make(tmp_path / "model")))
    with pytest.raises(WorkbenchError, match=reason):
        refuse_unsayable(weights.config)


def pieces_tokenizer() -> PreTrainedTokenizerFast:
    """Gemma's shape: pieces with byte fallback, spaces as ▁, every way to make a piece among the merges."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    names = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    trainer = trainers.BpeTrainer(vocab_size=620, special_tokens=[*names, *(f"<0x{i:02X}>" for i in range(256))])
    tokenizer.train_from_iterator([*TEXT, "größe naïve " * 3], trainer)
    vocabulary = {token: id for token, id in tokenizer.get_vocab().items()}
    merges = generate_merges(vocabulary, {token: -id for token, id in vocabulary.items()})
    model = models.BPE(vocabulary, merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    again = Tokenizer(model)
    again.normalizer = normalizers.Replace(" ", SPACE)
    again.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    again.add_special_tokens(names)
    again.add_tokens(["OS: "])
    return PreTrainedTokenizerFast(
        tokenizer_object=again, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
    )


PIECES = pieces_tokenizer()


def test_pieces_have_scores_types_and_bytes() -> None:
    vocabulary = to_vocabulary(PIECES, len(PIECES) + 3)
    assert vocabulary.model == "llama" and len(vocabulary.tokens) == len(PIECES) + 3
    assert vocabulary.types.count(BYTE) == 256 and vocabulary.types[-3:] == (UNUSED,) * 3
    assert vocabulary.types[vocabulary.tokens.index("<end_of_turn>")] == CONTROL
    longest = max(range(300, len(PIECES)), key=lambda id: len(vocabulary.tokens[id]))
    assert 0 > vocabulary.scores[longest] > -10_000


@settings(max_examples=60)
@given(st.text() | st.lists(st.sampled_from([*"aeinst ", "OS: ", "<eos>", " host", "ö"])).map("".join))
def test_pieces_cut_text_as_the_tokenizer_does(text: str) -> None:
    again = to_tokenizer(VOCABULARY)
    assert again(text, add_special_tokens=False)["input_ids"] == PIECES(text, add_special_tokens=False)["input_ids"]


VOCABULARY = to_vocabulary(PIECES, len(PIECES))


def test_a_gemma_with_pieces_is_read_back(tmp_path: Path) -> None:
    folder = make_gemma(tmp_path / "model", layer_types=["full_attention"] * 2, vocabulary=700)
    weights, _ = load_base(str(folder))
    weights.resize_token_embeddings(len(PIECES))
    write_gguf(tmp_path / "tiny.gguf", weights, PIECES, "gguf-f16", ABOUT)
    again, tokenizer = load_base(str(tmp_path / "tiny.gguf"))
    assert largest_difference(weights, again) < 0.01
    text = "<bos><start_of_turn>user\nOS: größe  please ping 🙂<end_of_turn>"
    ids = PIECES(text, add_special_tokens=False)["input_ids"]
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids
    assert tokenizer.decode(ids) == PIECES.decode(ids) == text


def test_a_splitting_that_gguf_has_no_name_for_is_refused() -> None:
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2, "Ġ": 3, "aĠ": 4, "aĠb": 5}, [("a", "Ġ"), ("aĠ", "b")]))
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    with pytest.raises(WorkbenchError, match="other tokens"):
        to_vocabulary(wrapped, 6, ["a b"])


def test_a_file_that_is_no_gguf(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"nothing of the kind")
    with pytest.raises(WorkbenchError, match="cannot be read as GGUF"):
        load_base(str(tmp_path / "x.gguf"))
