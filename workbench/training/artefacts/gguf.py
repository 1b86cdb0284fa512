"""Write a model as a GGUF file for llama.cpp: Gemma 3, Qwen 3, Llama.

Names of tensors come from the ``gguf`` package. llama.cpp adds 1 to no norm, so Gemma's get it here; it rotates
neighbouring pairs of a Llama's queries and keys where transformers rotates halves, so those rows change places; a head
that shares the embedding's matrix is left out. What the format or llama.cpp cannot express is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import gguf
import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workbench.errors import WorkbenchError
from workbench.inference.gguf_reader import LOCAL_THETA, ROPE_FACTORS, layer_kinds
from workbench.inference.gguf_vocabulary import PIECES, Vocabulary
from workbench.training.artefacts.vocabulary import to_vocabulary

FAMILIES: dict[str, gguf.MODEL_ARCH] = {
    "gemma3_text": gguf.MODEL_ARCH.GEMMA3,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "llama": gguf.MODEL_ARCH.LLAMA,
}
"""``model_type`` of transformers and the architecture of GGUF."""
TYPES: dict[str, tuple[gguf.GGMLQuantizationType, gguf.LlamaFileType]] = {
    "gguf-f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "gguf-bf16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
    "gguf-q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
_ADDERS = {"bos": "bos", "eos": "eos", "unk": "unk", "pad": "pad", "eot": "eot"}


def write_gguf(
    path: Path,
    weights: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    format: str,
    about: Mapping[str, str],
    probes: Iterable[str] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write one file.

    Args:
        format: one of TYPES. Matrices are written so; norms and biases in float32.
        about: ``name`` and ``description`` of the file.
        probes: texts on which the vocabulary must cut as the tokenizer does.
        progress: called with tensors done and tensors in all.

    Raises:
        WorkbenchError: the family, its configuration or its tokenizer cannot be said in GGUF.
    """
    config = weights.config
    refuse_unsayable(config)
    embeddings: Any = weights.get_input_embeddings()
    vocabulary = to_vocabulary(tokenizer, embeddings.weight.shape[0], probes)
    architecture = FAMILIES[config.model_type]
    kind, file_type = TYPES[format]
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture])
    try:
        writer.add_type("model")
        writer.add_name(about["name"])
        writer.add_description(about["description"])
        writer.add_file_type(file_type)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _add_config(writer, config)
        _add_vocabulary(writer, vocabulary)
        tensors = list(_tensors(weights, architecture))
        for done, (name, tensor) in enumerate(tensors, 1):
            data, stored = _encode(tensor, kind)
            writer.add_tensor(name, data, raw_dtype=stored)
            progress(done, len(tensors))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def refuse_unsayable(config: Any) -> None:
    """Raise WorkbenchError when GGUF or llama.cpp cannot express this configuration."""
    if config.model_type not in FAMILIES:
        _refuse(f"GGUF export knows Gemma 3, Qwen 3 and Llama, not '{config.model_type}'")
    kinds = set(map(str, (rope.get("rope_type") for rope in _ropes(config))))
    known = {"default", "llama3"} if config.model_type == "llama" else {"default"}
    if kinds - known:
        _refuse(f"its rotary embedding ({', '.join(sorted(kinds - known))}) is not written yet")
    if config.model_type == "llama" and config.head_dim * config.num_attention_heads != config.hidden_size:
        _refuse("its heads together are not as wide as the model")
    if config.model_type == "qwen3" and getattr(config, "use_sliding_window", False):
        _refuse("llama.cpp knows no sliding window in Qwen 3")
    if config.model_type == "gemma3_text":
        _refuse_gemma(config)


def _refuse_gemma(config: Any) -> None:
    if config.query_pre_attn_scalar != config.head_dim:
        _refuse("llama.cpp scales attention by the size of a head, this model by something else")
    if config.layer_types != layer_kinds(config.num_hidden_layers, _window(config)):
        _refuse("llama.cpp makes every sixth layer of a Gemma 3 a full one, or all; this model has another order")
    if config.final_logit_softcapping or config.attn_logit_softcapping:
        _refuse("llama.cpp caps no logits in Gemma 3")


def _refuse(reason: str) -> NoReturn:
    raise WorkbenchError(f"This model cannot be written as GGUF: {reason}.", "Export merged weights instead.")


def _ropes(config: Any) -> list[Mapping[str, Any]]:
    """Parameters of the rotary embedding; families with several kinds of layers have one set a kind."""
    found = config.rope_parameters
    return [found] if "rope_type" in found else [row for row in found.values() if isinstance(row, Mapping)]


def _window(config: Any) -> int:
    """Tokens that a sliding layer sees; 0 where all layers see everything."""
    return int(config.sliding_window) if "sliding_attention" in config.layer_types else 0


def _add_config(writer: gguf.GGUFWriter, config: Any) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    if config.model_type != "gemma3_text":
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        writer.add_rope_dimension_count(config.head_dim)
        return
    writer.add_rope_freq_base(config.rope_parameters["full_attention"]["rope_theta"])
    writer.add_sliding_window(_window(config))
    if _window(config):
        writer.add_rope_freq_base_swa(config.rope_parameters["sliding_attention"].get("rope_theta", LOCAL_THETA))


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_token_list(list(vocabulary.tokens))
    writer.add_token_types(list(vocabulary.types))
    if vocabulary.model == PIECES:
        writer.add_token_scores(list(vocabulary.scores))
        writer.add_add_space_prefix(False)
    else:
        writer.add_tokenizer_pre(vocabulary.split)
        writer.add_token_merges(list(vocabulary.merges))
    for name, id in vocabulary.special.items():
        getattr(writer, f"add_{_ADDERS[name]}_token_id")(id)
    writer.add_add_bos_token("bos" in vocabulary.special)
    if vocabulary.template:
        writer.add_chat_template(vocabulary.template)


def _tensors(weights: PreTrainedModel, architecture: gguf.MODEL_ARCH) -> Iterator[tuple[str, Tensor]]:
    """Each tensor under its name in GGUF, changed as llama.cpp wants it."""
    config = weights.config
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    for name, tensor in weights.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            _refuse(f"GGUF has no name for its tensor {name}")
        yield str(found), _changed(name, tensor.detach(), config)
    if any(rope.get("rope_type") == "llama3" for rope in _ropes(config)):
        yield ROPE_FACTORS, _rope_factors(weights)


def _changed(name: str, tensor: Tensor, config: Any) -> Tensor:
    if config.model_type == "gemma3_text" and name.endswith("norm.weight"):
        return tensor.float() + 1
    if config.model_type == "llama" and name.rpartition(".")[0].endswith(("q_proj", "k_proj")):
        heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
        return pair_up(tensor, heads)
    return tensor


def pair_up(tensor: Tensor, heads: int) -> Tensor:
    """Rows of each head from halves ``a0 a1 … b0 b1 …`` to pairs ``a0 b0 a1 b1 …``."""
    rows = tensor.view(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:])
    return rows.transpose(1, 2).reshape(tensor.shape)


def _rope_factors(weights: PreTrainedModel) -> Tensor:
    """By how much Llama 3's scaling slows each pair's rotation; llama.cpp divides by it."""
    config = weights.config
    size, theta = config.head_dim, config.rope_parameters["rope_theta"]
    plain = 1.0 / theta ** (torch.arange(0, size, 2, dtype=torch.float32) / size)
    return plain / weights.model.rotary_emb.inv_freq.float().cpu()


def _encode(tensor: Tensor, kind: gguf.GGMLQuantizationType) -> tuple[np.ndarray, gguf.GGMLQuantizationType]:
    """The bytes of a tensor. Vectors stay in float32, as does what does not divide into blocks."""
    data = tensor.float().cpu().contiguous().numpy()
    block = gguf.GGML_QUANT_SIZES[kind][0]
    stored = kind if data.ndim > 1 and data.shape[-1] % block == 0 else gguf.GGMLQuantizationType.F32
    return gguf.quantize(data, stored), stored
