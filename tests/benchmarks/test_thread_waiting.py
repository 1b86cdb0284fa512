"""The benchmark of waiting threads really trains, beside a busy program, too."""

import pytest

from benchmarks.thread_waiting import measured


@pytest.mark.parametrize(("way", "busy"), [("asleep", False), ("paced", True)])
def test_a_way_is_measured(way: str, busy: bool) -> None:
    row = measured(way, busy, 1)
    assert row["seconds"] > 0 and (row["way"], row["busy"]) == (way, busy)
