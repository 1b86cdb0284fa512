"""docs/config.md tells of every setting what the code knows of it, and its example can be used."""

import dataclasses
import re
from pathlib import Path

import pytest

from workbench.actions.config import load
from workbench.actions.config.schema import SECTIONS, ModelConfig, variable_of
from workbench.workspace import REPOSITORY, Workspace

TEXT = (REPOSITORY / "docs" / "config.md").read_text("utf-8")
TABLES = {**SECTIONS, "models": ModelConfig}


def row_of(section: str, one: dataclasses.Field) -> str:
    """A setting as a row of the table of its section."""
    rules = one.metadata["rules"]
    kind = {bool: "true or false", int: "whole number", float: "number", str: "text", tuple: "list of texts"}
    limits = f", {rules.least:,g} to {rules.most:,g}" if rules.least is not None else ""
    default = {"": "", (): "", True: "`true`", False: "`false`"}.get(one.default, f"`{one.default}`")
    variable = "" if section == "models" else f" `{variable_of(section, one.name)}` |"
    return f"| `{one.name}` | {kind[type(one.default)]}{limits} | {default} | {one.metadata['told']} |{variable}"


@pytest.mark.parametrize("section", TABLES)
def test_every_setting_is_documented_as_it_is(section: str):
    kind = TABLES[section]
    part = TEXT.split(f"\n## `[[{section}]]`" if section == "models" else f"\n## `[{section}]`")[1].split("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("| `")]
    assert rows == [row_of(section, one) for one in dataclasses.fields(kind)]
    assert kind.__doc__.splitlines()[0].split(";")[0].rstrip(".") in part


def test_the_example_says_what_it_seems_to(tmp_path: Path):
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "workbench.toml").write_text(example)
    loaded = load(Workspace(tmp_path), environment={})
    assert len(loaded.config.models) == 2 and not loaded.config.server.open_browser
    assert all("workbench.toml:" in place for place in loaded.origins.values()) and len(loaded.origins) > 5


def test_a_file_in_the_repository_is_not_committed():
    assert "workbench.toml" in (REPOSITORY / ".gitignore").read_text().splitlines()
