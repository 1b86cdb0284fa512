"""Files on their way out: made while they are sent, under a name and type that browsers understand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi.responses import Response, StreamingResponse

from workbench.scenarios.exporting import SUFFIXES

MEDIA_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}
OTHER_TYPE = "application/x-ndjson"


def download(pieces: Iterator[bytes], name: str, format: str) -> Response:
    """The pieces as a file to save. They are made while they are sent."""
    suffix = {**SUFFIXES, "html": ".html", "metrics": ".json"}.get(format, ".jsonl")
    kind = next((media for end, media in MEDIA_TYPES.items() if suffix.endswith(end)), OTHER_TYPE)
    headers = {"Content-Disposition": f'attachment; filename="{name}{suffix}"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(blocks(pieces), headers=headers, media_type=kind)


def encoded(pieces: Iterable[str]) -> Iterator[bytes]:
    """Pieces of text as bytes."""
    return (piece.encode("utf-8") for piece in pieces)


def blocks(pieces: Iterable[bytes], size: int = 1 << 16) -> Iterator[bytes]:
    """The same in pieces of about ``size`` bytes: one piece a line would cost a thread switch each."""
    held: list[bytes] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length >= size:
            yield b"".join(held)
            held, length = [], 0
    yield b"".join(held)
