"""Reads PC-AI's test vectors: calls (``tool`` and ``arguments``) that its tools must accept, without any request.

Each becomes a scenario whose request is made from the call: incomplete, and it says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workbench.scenarios.importing.documents import entries
from workbench.scenarios.importing.files import Head, Source
from workbench.scenarios.importing.rows import NO_REQUEST, Found, Row, call_from, rows, without_request

TAG = "test-vector"


def matches(head: Head) -> bool:
    return {"tool", "arguments"} <= head.keys and not {"request", "messages"} & head.keys


def read(source: Source) -> Iterator[Row]:
    """One row an entry; see ``importing.read``."""
    return rows(source, entries(source, "test_vectors", "vectors"), find)


def find(data: Mapping[str, Any]) -> Found:
    """The scenario of one vector. Raises RecordError."""
    call = call_from(data.get("tool"), data.get("arguments"), "tool")
    request, problem = without_request([call])
    return Found({"request": request, "expected": [call], "tags": [TAG, NO_REQUEST]}, (problem,))
