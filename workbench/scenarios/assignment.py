"""Who goes with whom: the best assignment of one list to another. Knows nothing of calls. scipy does the work."""

from __future__ import annotations

from collections.abc import Sequence


def assign(table: Sequence[Sequence[int]]) -> tuple[int | None, ...]:
    """For each row the column that it gets, or None, such that the sum of the values is as large as it can be.

    Values are whole numbers from 0 up; a pair worth 0 is no pair. Sums below 2**53 are exact.
    """
    chosen: list[int | None] = [None] * len(table)
    if not table or not table[0]:
        return tuple(chosen)
    for row, column in _pairs(table):
        if table[row][column]:
            chosen[row] = column
    return tuple(chosen)


def can_pair(table: Sequence[Sequence[bool]]) -> bool:
    """Whether each row of a square table can have a column of its own where it is true."""
    if all(row[i] for i, row in enumerate(table)):
        return True
    if not all(map(any, table)):
        return False
    return all(column is not None for column in assign([[int(cell) for cell in row] for row in table]))


def _pairs(table: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    if len(table) == 1:
        return [(0, max(range(len(table[0])), key=table[0].__getitem__))]
    if len(table[0]) == 1:
        return [(max(range(len(table)), key=lambda row: table[row][0]), 0)]
    # Here, for it takes half a second to load and most replies have one call.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table, maximize=True)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
