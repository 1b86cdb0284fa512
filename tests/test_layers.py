"""Who may import whom, read from the source: the order of layers that ``workbench/__init__.py`` gives."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = (
    {"app"},
    {"ui", "api", "cli", "__main__"},
    {"actions"},
    {"store", "jobs", "training", "evaluation", "generation", "serving"},
    {"inference"},
    {"grammars"},
    {"dialects", "scenarios"},
    {"records", "errors", "workspace", "runfolder", "__init__"},
)
"""From left to right. Those of one set are siblings, except the last, whose modules may use one another."""
BASE = LAYERS[-1]
HOMES = {
    "duckdb": {"store"},
    "gradio": {"ui", "app"},
    "torch": {"inference", "training"},
    "transformers": {"inference", "training"},
    "peft": {"inference", "training"},
    "fastapi": {"api", "ui", "app"},
    "llguidance": {"grammars"},
    "argparse": {"cli", "app", "inference"},
}
"""Libraries that only these parts may import; ``inference`` has the pretraining script."""
MODULES = [ROOT / "app.py", *sorted((ROOT / "workbench").rglob("*.py"))]


def part_of(path: Path) -> str:
    """The part of the product that a module belongs to, such as ``store``."""
    relative = path.relative_to(ROOT)
    return Path(relative.parts[min(1, len(relative.parts) - 1)]).stem


def imports_of(path: Path) -> set[str]:
    """Dotted names of everything that a module imports, inside functions, too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def parts_used(path: Path) -> set[str]:
    """The parts of the product that a module imports."""
    dotted = (name.split(".") for name in imports_of(path))
    known = set().union(*LAYERS)
    return {name[1] for name in dotted if name[0] == "workbench" and len(name) > 1 and name[1] in known}


def rank(part: str) -> int:
    found = [i for i, layer in enumerate(LAYERS) if part in layer]
    assert found, f"'{part}' stands in no layer: add it to the list here and in workbench/__init__.py"
    return found[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_layers_to_its_right(path: Path):
    part = part_of(path)
    for used in parts_used(path):
        if used == part or (part == "__main__" and used == "cli") or {used, part} <= BASE:
            continue
        assert rank(used) > rank(part), f"{part} may not import {used}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_is_imported_only_where_it_belongs(path: Path):
    for library in {name.partition(".")[0] for name in imports_of(path)} & HOMES.keys():
        assert part_of(path) in HOMES[library], f"{part_of(path)} may not import {library}"


def test_the_checks_see_what_they_must(tmp_path: Path):
    source = tmp_path / "probe.py"
    source.write_text(
        "import workbench.store.runs\nfrom workbench import ui\ndef f():\n    from workbench.cli import main\n"
    )
    assert parts_used(source) == {"store", "ui", "cli"}
    assert part_of(ROOT / "workbench" / "store" / "runs.py") == "store"
    assert part_of(ROOT / "workbench" / "cli" / "data.py") == "cli"
    assert part_of(ROOT / "app.py") == "app"


@pytest.mark.parametrize("module", ["workbench.cli", "workbench.api", "app"])
def test_doors_load_nothing_heavy(module: str):
    heavy = "{'torch', 'transformers', 'peft', 'gradio', 'pandas', 'plotly', 'scipy', 'statsmodels'}"
    code = f"import sys, {module}; sys.exit(' '.join({heavy} & set(sys.modules)) or 0)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
