"""What the documents tell people to type exists, and what they point to is there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("datasets/*/*.md")]
DOCUMENTS += ROOT.glob("workbench/**/README.md")


def commands(document: Path) -> list[str]:
    """The lines of a document's shell blocks, without their comments."""
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text("utf-8"), re.DOTALL)
    lines = [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


ALL = sorted({command for document in DOCUMENTS for command in commands(document)})


def test_there_are_commands():
    assert {"make run", "make test", "python scripts/dev.py run", "python scripts/dev.py test"} <= set(ALL)


@pytest.mark.parametrize("command", [line for line in ALL if line.startswith("make ")])
def test_make_targets_exist(command):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert command.split()[1] in targets


@pytest.mark.parametrize("command", [line for line in ALL if "python" in line.split()[0]])
def test_python_commands_know_their_options(command):
    words = shlex.split(command)[1:]
    end = next((i for i, word in enumerate(words) if i > 1 and word.startswith("-") and words[0] == "-m"), len(words))
    program = words[: 3 if words[:2] == ["-m", "workbench"] else min(end, 2 if words[0] == "-m" else 1)]
    if program[0] == "scripts/dev.py":
        assert f'"{words[1]}": ' in (ROOT / program[0]).read_text()
        return
    help_text = subprocess.run(
        [sys.executable, *program, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for option in (word for word in words[len(program) :] if word.startswith("--")):
        assert option in help_text.stdout


@pytest.mark.parametrize("command", [line for line in ALL if line.split()[0].endswith("/ray")])
def test_ray_commands_know_their_options(command):
    program, *words = shlex.split(command)
    ray = Path(sys.executable).with_name(Path(program).name)
    help_text = subprocess.run([ray, words[0], "--help"], capture_output=True, text=True, check=True).stdout
    for option in (word for word in words[1:] if word.startswith("--")):
        assert option in help_text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    targets = re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8"))
    assert [t for t in targets if "://" not in t and not (document.parent / t).exists()] == []
