import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_workspace import TOOLSET
from workbench.actions import curate
from workbench.actions.content import ensure_shipped, open_workspace
from workbench.errors import WorkbenchError
from workbench.records import Toolset
from workbench.scenarios.validate import check_scenario, check_toolset
from workbench.store.scenarios import ScenarioFilter, stream


def test_a_new_workspace_has_the_shipped_content(tmp_path: Path):
    with open_workspace(tmp_path / "new") as store:
        toolset = curate.toolset(store, curate.default_toolset(store))
        assert check_toolset(toolset) == []
        scenarios = list(stream(store, ScenarioFilter()))
        assert len(scenarios) >= 800
        assert [problem for scenario in scenarios for problem in check_scenario(scenario, toolset)] == []


def test_the_shipped_content_comes_once_and_cannot_be_undone(tmp_path: Path):
    with open_workspace(tmp_path) as store:
        total = curate.count(store, ScenarioFilter())
        gone = curate.find(store, ScenarioFilter(), limit=1)[0].id
        curate.delete(store, [gone])
    with open_workspace(tmp_path) as store:
        assert curate.count(store, ScenarioFilter()) == total - 1
        assert curate.undo(store).kind == "delete"
        assert curate.undoable(store) is None
        with pytest.raises(WorkbenchError, match="nothing to undo"):
            curate.undo(store)
        assert curate.count(store, ScenarioFilter()) == total


def test_a_workspace_with_a_toolset_of_its_own_is_left_alone(store):
    ensure_shipped(store)
    assert [toolset.name for toolset in curate.toolsets(store)] == ["small"]


def test_a_second_process_gets_a_sentence(tmp_path: Path):
    with open_workspace(tmp_path):
        code = "import sys, pathlib, workbench.actions.content as c; c.open_workspace(pathlib.Path(sys.argv[1]))"
        ended = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert "is in use by process" in ended.stderr and "--workspace" in ended.stderr


def test_the_default_toolset(store):
    from workbench.store.toolsets import save_toolset

    assert curate.default_toolset(store) == "small"
    save_toolset(store, Toolset("other", TOOLSET.tools), "test")
    with pytest.raises(WorkbenchError, match="not clear") as caught:
        curate.default_toolset(store)
    assert "other, small" in caught.value.hint
    save_toolset(store, Toolset("desktop", TOOLSET.tools), "test")
    assert curate.default_toolset(store) == "desktop"
