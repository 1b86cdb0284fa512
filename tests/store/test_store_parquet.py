"""Parquet carries scenarios whole, as the rows of a table."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scenarios.strategies import SCENARIOS
from workbench.records import Scenario
from workbench.scenarios import exporting
from workbench.scenarios.cells import COLUMNS
from workbench.scenarios.importing import read
from workbench.store import parquet

SEVERAL = st.lists(SCENARIOS, min_size=1, max_size=3, unique_by=lambda scenario: scenario.id)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scenarios=SEVERAL)
def test_what_is_written_comes_back_to_the_letter(tmp_path: Path, scenarios: list[Scenario]) -> None:
    rows, packed, lines = (tmp_path / name for name in ("rows.jsonl", "rows.parquet", "back.jsonl"))
    rows.write_text("".join(exporting.table_rows(scenarios)), encoding="utf-8", newline="")
    parquet.from_json_lines(rows, packed, COLUMNS, ("tags", "tools"))
    assert parquet.is_parquet(packed) and not parquet.is_parquet(rows)
    parquet.to_json_lines(packed, lines)
    back = [item for item in read(lines, format="table") if isinstance(item, Scenario)]
    assert [json.dumps(one.to_dict()) for one in back] == [json.dumps(one.to_dict()) for one in scenarios]
