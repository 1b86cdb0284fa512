"""A GGUF file in llama.cpp: tokens of several sequences in, logits out.

Source: ``include/llama.h`` of llama.cpp, as llama-cpp-python 0.3.36 hands it on. That library is not among the
requirements: it is compiled while it is installed.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.inference.gguf_file import check_package
from workbench.inference.sequences import News

SEQUENCES = 32
"""Replies that may be written side by side."""


class LlamaContext:
    """Implements ``sequences.Context``.

    Attributes:
        vocabulary: number of logits.
    """

    def __init__(self, path: Path, slots: int, threads: int) -> None:
        """
        Args:
            slots: tokens of all sequences together.
            threads: CPU threads.

        Raises:
            WorkbenchError: llama-cpp-python is missing, or the file cannot be read.
        """
        check_package()
        import llama_cpp

        # What goes wrong is told here; it takes warnings for errors.
        logging.getLogger("llama-cpp-python").setLevel(logging.CRITICAL)
        llama_cpp.llama_backend_init()
        self._library: Any = llama_cpp
        self.sequences, self.slots = SEQUENCES, slots
        model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        if not model:
            raise WorkbenchError(f"llama.cpp cannot read {path}.", "Is it a whole GGUF file?")
        weakref.finalize(self, llama_cpp.llama_model_free, model)
        self.vocabulary = int(llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model)))
        self._context = llama_cpp.llama_init_from_model(model, self._settings(threads))
        if not self._context:
            raise WorkbenchError(f"llama.cpp has no room for {path}.", "Is there memory left?")
        weakref.finalize(self, llama_cpp.llama_free, self._context)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = llama_cpp.llama_batch_init(slots, 0, 1)
        weakref.finalize(self, llama_cpp.llama_batch_free, self._batch)

    def decode(self, news: Sequence[News], look: bool = True) -> Tensor:
        """See ``Context``. Raises RuntimeError when llama.cpp fails."""
        batch, at, last = self._batch, 0, []
        for sequence, before, tokens in news:
            for position, token in enumerate(tokens, before):
                batch.token[at], batch.pos[at] = token, position
                batch.n_seq_id[at], batch.seq_id[at][0] = 1, sequence
                batch.logits[at] = False
                at += 1
            last.append(at - 1)
            batch.logits[at - 1] = look
        batch.n_tokens = at
        failed = self._library.llama_decode(self._context, batch)
        if failed:
            raise RuntimeError(f"llama_decode returned {failed}")
        return torch.stack([self._logits(index) for index in last]) if look else torch.empty(0)

    def cut(self, sequence: int, length: int) -> None:
        """See ``Context``. Raises RuntimeError where this kind of model cannot forget a part."""
        if not self._library.llama_memory_seq_rm(self._memory, sequence, length, -1):
            raise RuntimeError(f"llama.cpp keeps more than {length} tokens of sequence {sequence}")

    def share(self, source: int, target: int, length: int) -> None:
        """See ``Context``."""
        self.cut(target, 0)
        if length:
            self._library.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def _settings(self, threads: int) -> Any:
        settings = self._library.llama_context_default_params()
        settings.n_ctx = settings.n_batch = self.slots
        settings.n_seq_max = settings.n_outputs_max = self.sequences
        settings.n_threads = settings.n_threads_batch = threads
        # One memory for all sequences, in which a beginning that they share is there once; layers with a window keep
        # what is behind it, so that a sequence can go back to its prompt.
        settings.kv_unified = settings.swa_full = True
        return settings

    def _logits(self, index: int) -> Tensor:
        found = self._library.llama_get_logits_ith(self._context, index)
        return torch.from_numpy(np.ctypeslib.as_array(found, shape=(self.vocabulary,)).copy())
