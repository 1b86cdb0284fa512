"""Scenarios become files: one short writer a format, the inverse of the reader of the same name.

``jsonl``, ``csv`` and the rows of Parquet carry a scenario whole; what another format cannot carry stands at the top of
its module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from workbench.errors import WorkbenchError
from workbench.records import Scenario, Toolset
from workbench.scenarios.cells import defuse
from workbench.scenarios.exporting import (
    bfcl_json,
    caro_json,
    chat_jsonl,
    csv_file,
    openai_jsonl,
    openhoof_jsonl,
    own_jsonl,
    pcai_scenarios,
    pcai_vectors,
    table_json,
    tuning_lab_csv,
)

__all__ = ["DECLARING", "SUFFIXES", "WRITERS", "defuse", "table_rows", "write"]

WRITERS: dict[str, Callable[[Iterable[Scenario], Toolset], Iterator[str]]] = {
    "jsonl": own_jsonl.write,
    "chat": chat_jsonl.write,
    "csv": csv_file.write,
    "openai": openai_jsonl.write,
    "pcai": pcai_scenarios.write,
    "pcai-vectors": pcai_vectors.write,
    "caro": caro_json.write,
    "openhoof": openhoof_jsonl.write,
    "bfcl": bfcl_json.write,
    "bfcl-answers": bfcl_json.write_answers,
    "tuning-lab": tuning_lab_csv.write,
}
SUFFIXES = {
    "jsonl": ".jsonl",
    "chat": ".chat.jsonl",
    "csv": ".csv",
    "openai": ".openai.jsonl",
    "pcai": ".pcai.json",
    "pcai-vectors": ".test_vectors.json",
    "caro": ".caro.json",
    "openhoof": ".openhoof.jsonl",
    "bfcl": ".bfcl.json",
    "bfcl-answers": ".bfcl.answers.json",
    "tuning-lab": ".tuning-lab.csv",
    "parquet": ".parquet",
}
DECLARING = ("chat", "openai", "bfcl")
"""Formats whose rows declare tools: they are written for one toolset."""
table_rows = table_json.write


def write(scenarios: Iterable[Scenario], toolset: Toolset, format: str) -> Iterator[str]:
    """The file piece by piece, each line with its end; write it as UTF-8 with ``newline=""``.

    Args:
        format: one of ``WRITERS``.

    Raises:
        WorkbenchError: an unknown format.
    """
    if format not in WRITERS:
        raise WorkbenchError(f"'{format}' is not an export format.", f"Choose one of {', '.join(WRITERS)}.")
    return WRITERS[format](scenarios, toolset)
