"""The computer that a request is made on: its system, the shell it was typed in, and which programs it has.

Works on Linux, macOS, Windows and the BSDs. What is looked at is gathered in ``Traits`` first, so that any computer can
be told from any other.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import Any

import psutil

from workbench.errors import WorkbenchError
from workbench.records import RecordError
from workbench.scenarios.systems import SYSTEMS

Json = dict[str, Any]
SHELLS = ("bash", "zsh", "fish", "ksh", "tcsh", "csh", "nu", "xonsh", "elvish", "pwsh", "powershell", "cmd")
"""Shells that people type into."""
PLAIN_SHELLS = ("sh", "dash", "ash")
"""Shells that programs start to run others, and a few people type into."""
KERNELS = {"Darwin": "darwin", "Windows": "windows", "Linux": "linux"}
BSDS = ("FreeBSD", "OpenBSD", "NetBSD", "DragonFly")
MAX_PROGRAMS, MAX_NAME = 50_000, 200
KEYS = ("os", "shell", "system", "like", "installed")


@dataclass(frozen=True)
class Machine:
    """A computer, as far as a router and its answers need to know it.

    Attributes:
        os: in the words of scenarios: linux, macos, windows, bsd; empty where it is not known.
        shell: such as zsh or powershell; empty where it is not known.
        system: the closest name: a distribution such as ubuntu, darwin, freebsd; ``os`` where there is no closer one.
        like: names of systems that it is made from, the closest first, such as ``("debian",)`` for ubuntu.
        installed: programs that can be started by name; None where nobody looked.
    """

    os: str = ""
    shell: str = ""
    system: str = ""
    like: tuple[str, ...] = ()
    installed: frozenset[str] | None = None

    def has(self, program: str) -> bool | None:
        """Whether a program is there; None where that is not known."""
        return None if self.installed is None else program in self.installed

    @property
    def names(self) -> tuple[str, ...]:
        """What a knowledge base may call this system, the closest name first."""
        apple = ("darwin",) if self.os == "macos" else ()
        return tuple(dict.fromkeys(filter(None, (self.system, *self.like, *apple, self.os))))

    def told(self, os: str = "", shell: str = "") -> Machine:
        """The same, with what a person says instead. Another system has other programs: those are not known.

        Raises:
            WorkbenchError: there is no such system.
        """
        known = replace(self, shell=shell.strip().lower() or self.shell)
        wanted = os.strip().lower()
        if not wanted or wanted in self.names:
            return known
        if wanted not in SYSTEMS:
            raise WorkbenchError(f"'{os}' is no system that is known.", f"Use one of {', '.join(sorted(SYSTEMS))}.")
        return Machine(SYSTEMS[wanted], shell.strip().lower(), wanted)

    def to_dict(self) -> Json:
        installed = None if self.installed is None else sorted(self.installed)
        return {
            "os": self.os,
            "shell": self.shell,
            "system": self.system,
            "like": list(self.like),
            "installed": installed,
        }

    @classmethod
    def from_dict(cls, data: Any) -> Machine:
        """Raises RecordError where a field is wrong."""
        if not isinstance(data, Mapping) or any(key not in KEYS for key in data):
            raise RecordError("machine", f"must be an object with {', '.join(KEYS)}")
        texts = {key: data.get(key) or "" for key in KEYS[:3]}
        for key, value in texts.items():
            if not isinstance(value, str) or len(value) > MAX_NAME or not value.isprintable():
                raise RecordError(f"machine.{key}", "must be a short text")
        installed = data.get("installed")
        like = tuple(_names(data.get("like", []), "machine.like"))
        found = frozenset(_names(installed, "machine.installed")) if installed is not None else None
        # Systems are known by several names; ours is one of them.
        named = texts["os"].lower()
        system = texts["system"].lower() or named
        return cls(SYSTEMS.get(named, named), texts["shell"], system, like, found)


@dataclass(frozen=True)
class Traits:
    """What can be seen of a computer.

    Attributes:
        kernel: what ``platform.system()`` says.
        release: the fields of ``/etc/os-release``; empty where there is none.
        environment: variables of the process.
        parents: names of the processes that started this one, the nearest first.
    """

    kernel: str
    release: Mapping[str, str]
    environment: Mapping[str, str]
    parents: Sequence[str]

    @classmethod
    def here(cls) -> Traits:
        """Those of this computer."""
        release: Mapping[str, str] = {}
        with suppress(OSError):
            release = platform.freedesktop_os_release()
        return cls(platform.system(), release, os.environ, tuple(_parents()))


def detect(traits: Traits | None = None) -> Machine:
    """The computer that these are the traits of; this one by default."""
    seen = traits or Traits.here()
    name, like = _system(seen)
    return Machine(SYSTEMS.get(name, name), _shell(seen), name, like, frozenset(_programs(seen)))


def _system(seen: Traits) -> tuple[str, tuple[str, ...]]:
    """The closest name of a system, and the names of those that it is made from."""
    if seen.kernel in BSDS:
        # DragonFly and others are told what holds for FreeBSD's family.
        name = seen.kernel.lower()
        return (name if name in SYSTEMS else "bsd"), ("bsd",)
    if seen.kernel != "Linux":
        return KERNELS.get(seen.kernel, seen.kernel.lower()), ()
    name = seen.release.get("ID", "").lower()
    like = (*seen.release.get("ID_LIKE", "").lower().split(), "linux")
    # A distribution that nobody here has heard of is still Linux.
    return (name, like) if name in SYSTEMS else ("linux", tuple(filter(None, (name, *like))))


def _shell(seen: Traits) -> str:
    started = [_shell_name(name) for name in seen.parents]
    typed = next((name for name in started if name in SHELLS), "")
    chosen = _shell_name(seen.environment.get("SHELL", ""))
    plain = next((name for name in started if name in PLAIN_SHELLS), "")
    last = _shell_name(seen.environment.get("COMSPEC", "")) if seen.kernel == "Windows" else ""
    found = typed or chosen or plain or last
    return "powershell" if found == "pwsh" else found


def _shell_name(path: str) -> str:
    """``zsh`` of ``/bin/zsh``, ``-zsh`` (a login shell) or ``C:\\…\\ZSH.EXE``."""
    name = PureWindowsPath(path).name.lower().lstrip("-").removesuffix(".exe")
    return name if name in SHELLS or name in PLAIN_SHELLS else ""


def _programs(seen: Traits) -> Iterator[str]:
    """Names by which programs can be started; on Windows in small letters and without their endings."""
    windows = seen.kernel == "Windows"
    endings = tuple(filter(None, seen.environment.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").lower().split(";")))
    for folder in filter(None, seen.environment.get("PATH", "").split(";" if windows else ":")):
        for path in _files(folder):
            if not windows:
                if os.access(path, os.X_OK):
                    yield path.name
            elif path.name.lower().endswith(endings):
                yield path.stem.lower()


def _files(folder: str) -> list[Path]:
    """The files of a folder of PATH; folders that are not there or not ours are left out, as shells do."""
    try:
        return [Path(entry.path) for entry in os.scandir(folder) if entry.is_file()]
    except OSError:
        return []


def _parents() -> Iterator[str]:
    with suppress(psutil.Error):
        for process in psutil.Process().parents():
            with suppress(psutil.Error):
                yield process.name()


def _names(value: Any, path: str) -> Iterable[str]:
    if not isinstance(value, list) or len(value) > MAX_PROGRAMS:
        raise RecordError(path, f"must be a list of at most {MAX_PROGRAMS} names")
    if not all(isinstance(name, str) and len(name) <= MAX_NAME for name in value):
        raise RecordError(path, "must hold short texts only")
    return value
