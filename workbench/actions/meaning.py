"""Letting an encoder find scenarios of equal meaning. Encoding is a process of its own: the app never loads torch."""

from __future__ import annotations

import json
import subprocess
import sys

from workbench.actions import curate
from workbench.errors import WorkbenchError
from workbench.store import clusters as cluster_store
from workbench.store.database import Store
from workbench.workspace import REPOSITORY

EQUAL = 0.85
"""Cosine from which on two requests may mean the same. With MiniLM it finds two paraphrases of three, and a third of
what it finds are none: hence only pairs that expect the same calls, for people to look at."""
PATIENCE_S = 4 * 3600


def compare_meaning(store: Store, toolset: str, encoder: str) -> int:
    """Let an encoder look at every scenario of a toolset; returns how many pairs it found that expect the same calls.

    Vectors are kept in the workspace, so that the next time only new requests are encoded.

    Args:
        encoder: a local directory or a hub id of a BERT-like model.

    Raises:
        WorkbenchError: no such toolset; the encoder cannot be loaded; encoding failed.
    """
    # usearch is not for those who only want to see a list.
    from workbench.inference.embeddings import VectorStore

    curate.toolset(store, toolset)
    if not encoder:
        raise WorkbenchError("No encoder is named.", "Name a folder or a hub id of a BERT-like model.")
    entries = [one.entry for one in cluster_store.standings(store, toolset)]
    vectors = VectorStore.at(store.workspace.embeddings, encoder)
    texts = [entry.text for entry in entries]
    _encode(encoder, vectors.folder, list(dict.fromkeys(texts)))
    pairs = [
        (entries[i].id, entries[j].id, cosine)
        for i, j, cosine in vectors.near(texts, EQUAL)
        if entries[i].outcome == entries[j].outcome
    ]
    cluster_store.save_meanings(store, toolset, encoder, pairs)
    return len(pairs)


def _encode(encoder: str, folder: object, texts: list[str]) -> None:
    command = [sys.executable, "-m", "workbench.inference.embed", encoder, str(folder)]
    ended = subprocess.run(
        command,
        cwd=REPOSITORY,
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if ended.returncode == 1 and ended.stdout.startswith("{"):
        raise WorkbenchError(**json.loads(ended.stdout))
    if ended.returncode:
        last = ended.stderr.strip().splitlines()[-1:] or ["no word"]
        raise WorkbenchError(f"Encoding ended early ({ended.returncode}): {last[0]}", "Try again, or another encoder.")
