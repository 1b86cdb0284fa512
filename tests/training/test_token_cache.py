"""Kept tokens: the same as made ones, found again by content, safe against other processes and damage."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from tests.small_models import make_tokenizer
from workbench import records
from workbench.dialects import get_dialect
from workbench.records import ExpectedCall, Outcome, PromptProfile, Scenario, Tool, Toolset
from workbench.training import token_cache
from workbench.training.examples import make_examples, tokenize
from workbench.training.token_cache import TokenCache, context_key
from workbench.workspace import REPOSITORY

HOST = {"type": "object", "properties": {"host": {"type": "string"}}, "required": ["host"]}
TOOLSET = Toolset("net", (Tool("ping", "Test a host.", HOST), Tool("find", "Find a host.", HOST)))
DIALECT = get_dialect("functiongemma")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


def scenarios(*numbers: int) -> list[Scenario]:
    return [
        Scenario(
            f"s{i}",
            "net",
            f"ping host {i}",
            Outcome((ExpectedCall("ping", {"host": f"h{i}"}),) if i % 3 else ()),
            tools=("ping",) if i % 2 else (),
        )
        for i in numbers
    ]


def open_cache(root: Path, tokenizer: PreTrainedTokenizerFast, toolset: Toolset = TOOLSET) -> TokenCache:
    return TokenCache.open(root, toolset, DIALECT, tokenizer)


def examples(cache: TokenCache | None, tokenizer: PreTrainedTokenizerFast, *numbers: int):
    return make_examples(scenarios(*numbers), TOOLSET, DIALECT, tokenizer, 4.0, cache)


def files(root: Path) -> list[Path]:
    return sorted(root.glob("tokens/*/*"))


def test_a_second_run_makes_nothing(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    first = open_cache(tmp_path, tokenizer)
    wanted = examples(None, tokenizer, *range(9), 3)
    assert examples(first, tokenizer, *range(9), 3) == wanted
    assert (first.made, first.found) == (9, 0)
    assert examples(first, tokenizer, *range(9), 3) == wanted and (first.made, first.found) == (9, 10)
    again = open_cache(tmp_path, tokenizer)
    assert examples(again, tokenizer, 8, 2, 20) == examples(None, tokenizer, 8, 2, 20)
    assert (again.made, again.found) == (1, 2)
    assert len(files(tmp_path)) == 2
    assert all(isinstance(file.numbers, np.memmap) for file, _ in again._known.values())


def test_a_prefix_that_many_share_is_kept_once(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    made = tokenize(scenarios(*range(0, 60, 2)), TOOLSET, DIALECT, tokenizer)
    open_cache(tmp_path, tokenizer).tokens(scenarios(*range(0, 60, 2)), lambda _: made)
    (file,) = files(tmp_path)
    assert file.stat().st_size < 4 * sum(len(one.prompt) for one in made) / 2


def test_an_edit_makes_new_tokens(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    examples(open_cache(tmp_path, tokenizer), tokenizer, 1)
    (one,) = scenarios(1)
    cache = open_cache(tmp_path, tokenizer)
    for changed in (replace(one, request="ping it"), replace(one, mode="act"), replace(one, tools=()), one):
        found = make_examples([changed], TOOLSET, DIALECT, tokenizer, 1.0, cache)
        assert found == make_examples([changed], TOOLSET, DIALECT, tokenizer)
    assert (cache.made, cache.found) == (3, 1)


def test_the_context_is_part_of_the_key(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    contexts = {
        context_key(TOOLSET, DIALECT, tokenizer),
        context_key(TOOLSET, get_dialect("hermes"), tokenizer),
        context_key(TOOLSET, get_dialect("qwen3"), tokenizer),
        context_key(replace(TOOLSET, profile=PromptProfile(style="context")), DIALECT, tokenizer),
        context_key(replace(TOOLSET, tools=TOOLSET.tools[:1]), DIALECT, tokenizer),
        context_key(TOOLSET, DIALECT, make_tokenizer(vocabulary=400)),
    }
    assert len(contexts) == 6 and context_key(TOOLSET, DIALECT, make_tokenizer()) in contexts


def test_an_edit_of_the_records_gives_another_key(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = context_key(TOOLSET, DIALECT, tokenizer)
    copied = shutil.copytree(records.__path__[0], tmp_path / "records")
    with (copied / "scenarios.py").open("a") as file:
        file.write("# edited\n")
    monkeypatch.setattr(records, "__path__", [str(copied)])
    assert context_key(TOOLSET, DIALECT, tokenizer) != before


@pytest.mark.parametrize("damage", ["half", "empty", "other", "bit"])
def test_a_damaged_file_is_made_again(damage: str, tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    wanted = examples(open_cache(tmp_path, tokenizer), tokenizer, *range(5))
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[-9] ^= 1
    torn = {"half": whole[: len(whole) // 2], "empty": b"", "other": b"hello", "bit": bytes(flipped)}
    file.write_bytes(torn[damage])
    cache = open_cache(tmp_path, tokenizer)
    assert examples(cache, tokenizer, *range(5)) == wanted and (cache.made, cache.found) == (5, 0)
    assert files(tmp_path) == [file] and file.read_bytes() == whole


def test_a_disk_that_refuses_costs_time_only(
    tmp_path: Path,
    tokenizer: PreTrainedTokenizerFast,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    cache = open_cache(tmp_path, tokenizer)
    monkeypatch.setattr(token_cache.np, "save", full)
    assert examples(cache, tokenizer, 1, 2) == examples(None, tokenizer, 1, 2)
    assert files(tmp_path) == [] and "No space left" in caplog.text
    (tmp_path / "file").write_text("")
    blocked = open_cache(tmp_path / "file", tokenizer)
    assert examples(blocked, tokenizer, 1, 2) == examples(None, tokenizer, 1, 2)


def test_the_oldest_files_go(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = open_cache(tmp_path, tokenizer)
    for number in range(4):
        examples(cache, tokenizer, number)
        for file in files(tmp_path):
            os.utime(file, (file.stat().st_atime, file.stat().st_mtime - 100))
    old, fresh = (cache.folder / f".{name}.1.tmp" for name in ("old", "fresh"))
    for file in (old, fresh):
        file.write_bytes(b"x")
    os.utime(old, (0, time.time() - 2 * token_cache.STALE_SECONDS))
    size = max(file.stat().st_size for file in files(tmp_path))
    monkeypatch.setattr(token_cache, "MOST_BYTES", int(2.5 * size))
    examples(cache, tokenizer, 4)
    again = open_cache(tmp_path, tokenizer)
    assert fresh.exists() and not old.exists() and len(list(cache.folder.glob("*.npy"))) == 2
    examples(again, tokenizer, 3, 4)
    assert (again.made, again.found) == (0, 2)
    monkeypatch.setattr(token_cache, "MOST_FILES", 1)
    examples(again, tokenizer, 5)
    assert len(list(cache.folder.glob("*.npy"))) == 1


WRITER = """
import sys
from pathlib import Path
from tests.small_models import make_tokenizer
from tests.training.test_token_cache import examples, open_cache
root, tokenizer = Path(sys.argv[1]), make_tokenizer()
for _ in range(10):
    assert examples(open_cache(root, tokenizer), tokenizer, *range(30)) == examples(None, tokenizer, *range(30))
    for file in root.glob("tokens/*/*.npy"):
        file.unlink(missing_ok=True)
"""


def test_processes_may_share_the_folder(tmp_path: Path) -> None:
    """Each makes, reads and deletes the same file while the other does."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    both = [subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, said = process.communicate(timeout=200)
        assert process.returncode == 0, said
