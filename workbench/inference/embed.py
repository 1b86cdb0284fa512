"""Encodes texts in a process of its own, so that the app never loads torch.

``python -m workbench.inference.embed ENCODER FOLDER`` reads a JSON list of texts from standard input and fills the
cache in FOLDER. Exit status 1 with ``{"message", "hint"}`` on standard output when a person must put something right.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.inference.embeddings import BertEncoder, VectorStore

AT_ONCE = 2_000
"""Texts between two writes of the cache: what is done is kept should the process end."""


def main(encoder: str, folder: str) -> int:
    texts = json.load(sys.stdin)
    try:
        model = BertEncoder(encoder)
        store = VectorStore(Path(folder))
        for start in range(0, len(texts), AT_ONCE):
            store.vectors(texts[start : start + AT_ONCE], model)
    except WorkbenchError as error:
        sys.stdout.write(json.dumps({"message": error.message, "hint": error.hint}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
