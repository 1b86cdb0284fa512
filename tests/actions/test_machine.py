"""Computers of every kind, told from what can be seen of them."""

import os
from pathlib import Path

import pytest

from workbench.actions.machine import Machine, Traits, detect
from workbench.errors import WorkbenchError
from workbench.records import RecordError

UBUNTU = {"ID": "ubuntu", "ID_LIKE": "debian"}


def seen(kernel: str = "Linux", release: dict | None = None, parents: tuple = (), **environment: str) -> Machine:
    return detect(Traits(kernel, release or {}, environment, parents))


@pytest.mark.parametrize(
    ("kernel", "release", "names"),
    [
        ("Linux", UBUNTU, ("ubuntu", "debian", "linux")),
        ("Linux", {"ID": "arch"}, ("arch", "linux")),
        ("Linux", {"ID": "mint", "ID_LIKE": "ubuntu debian"}, ("linux", "mint", "ubuntu", "debian")),
        ("Linux", {}, ("linux",)),
        ("Darwin", {}, ("darwin", "macos")),
        ("Windows", {}, ("windows",)),
        ("FreeBSD", {}, ("freebsd", "bsd")),
        ("DragonFly", {}, ("bsd",)),
        ("Plan9", {}, ("plan9",)),
    ],
)
def test_systems(kernel, release, names):
    machine = seen(kernel, release)
    assert machine.names == names
    assert machine.os == {"darwin": "macos", "freebsd": "bsd", "plan9": "plan9"}.get(names[0], names[-1]) or "linux"


def test_an_unknown_distribution_is_linux():
    assert seen("Linux", {"ID": "mint", "ID_LIKE": "ubuntu"}).os == "linux"


@pytest.mark.parametrize(
    ("parents", "environment", "shell"),
    [
        (("python", "-zsh", "login"), {"SHELL": "/bin/bash"}, "zsh"),
        (("make", "sh", "fish"), {"SHELL": "/bin/bash"}, "fish"),
        (("make", "sh", "init"), {"SHELL": "/usr/local/bin/bash"}, "bash"),
        (("sh",), {}, "sh"),
        (("pwsh",), {}, "powershell"),
        ((), {}, ""),
        (("systemd",), {"SHELL": "/usr/sbin/nologin"}, ""),
    ],
)
def test_shells(parents, environment, shell):
    assert seen(parents=parents, **environment).shell == shell


def test_shells_of_windows():
    assert seen("Windows", parents=("python.exe", "powershell.exe", "explorer.exe")).shell == "powershell"
    assert seen("Windows", parents=("explorer.exe",), COMSPEC="C:\\Windows\\system32\\cmd.exe").shell == "cmd"


def put(folder: Path, name: str, mode: int = 0o755) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("")
    (folder / name).chmod(mode)


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_programs_of_the_path(tmp_path):
    put(tmp_path / "a", "fd")
    put(tmp_path / "b", "rg")
    put(tmp_path / "b", "notes.txt", 0o644)
    (tmp_path / "b" / "folder").mkdir()
    path = f"{tmp_path / 'a'}::{tmp_path / 'missing'}:{tmp_path / 'b'}"
    assert seen(PATH=path).installed == {"fd", "rg"}
    assert seen(PATH=path).has("fd") is True and seen(PATH=path).has("bat") is False
    assert Machine().has("fd") is None


def test_programs_of_windows(tmp_path):
    put(tmp_path, "FD.EXE", 0o644)
    put(tmp_path, "tool.ps1", 0o644)
    put(tmp_path, "run.Cmd", 0o644)
    assert seen("Windows", PATH=f"{tmp_path};").installed == {"fd", "run"}
    assert seen("Windows", PATH=str(tmp_path), PATHEXT=".PS1").installed == {"tool"}


def test_this_computer():
    machine = detect()
    assert machine.os in ("linux", "macos", "windows", "bsd") and machine.installed
    assert Machine.from_dict(machine.to_dict()) == machine


def test_what_a_person_says_instead():
    here = seen("Linux", UBUNTU, ("bash",), PATH="/nowhere")
    assert here.told() == here and here.told(shell="ZSH").shell == "zsh"
    assert here.told("linux").system == "ubuntu" and here.told("Ubuntu").installed == frozenset()
    other = here.told("arch", "fish")
    assert (other.os, other.system, other.shell, other.installed) == ("linux", "arch", "fish", None)
    assert here.told("darwin").names == ("darwin", "macos") and here.told("darwin").shell == ""
    with pytest.raises(WorkbenchError, match="amiga") as found:
        here.told("amiga")
    assert "macos" in found.value.hint


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"other": 1},
        {"os": 3},
        {"shell": "x" * 300},
        {"shell": "zsh\nQuery: other"},
        {"installed": "fd"},
        {"installed": [1]},
        {"like": {}},
    ],
)
def test_machines_that_cannot_be(wrong):
    with pytest.raises(RecordError):
        Machine.from_dict(wrong)


def test_other_words_for_a_system():
    assert Machine.from_dict({"os": "Darwin"}).names == ("darwin", "macos")
    assert Machine.from_dict({"os": "ubuntu"}).names == ("ubuntu", "linux")
    assert Machine.from_dict({"os": "linux", "installed": ["fd"]}).has("fd")
