"""Which programs a router's call recommends, whether they are there, and how to get those that are not.

What is known of programs comes from a knowledge base in Caro's form: tools whose ``cli`` says where a program is
installed by default and by which command it is installed elsewhere, and a toolset whose ``cli`` lists package managers
and what shells have built in (see ``scenarios.importing.cli_knowledge``). Nothing here runs a command, and none that a
model wrote is repeated as advice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from workbench.actions.machine import Machine
from workbench.records import ToolCall, Toolset

Json = dict[str, Any]
KEY = "cli"
ROLES = {"primary_tools": "primary", "alternative_tools": "alternative"}
"""Arguments of a recommender's call, as Caro's training data has them, and what they make of the programs in them."""
MANAGERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "macos": (("brew", "brew install {}"), ("port", "sudo port install {}")),
    "linux": (
        ("apt", "sudo apt install {}"),
        ("dnf", "sudo dnf install {}"),
        ("pacman", "sudo pacman -S {}"),
        ("zypper", "sudo zypper install {}"),
        ("apk", "sudo apk add {}"),
        ("xbps-install", "sudo xbps-install {}"),
        ("emerge", "sudo emerge {}"),
        ("nix-env", "nix-env -iA nixpkgs.{}"),
        ("snap", "sudo snap install {}"),
    ),
    "windows": (("winget", "winget install {}"), ("choco", "choco install {}"), ("scoop", "scoop install {}")),
    "bsd": (("pkg", "sudo pkg install {}"), ("pkg_add", "doas pkg_add {}"), ("pkgin", "sudo pkgin install {}")),
}
"""Package managers by OS with the command that installs a package, the usual one first."""
USUAL = {
    "ubuntu": "apt",
    "debian": "apt",
    "fedora": "dnf",
    "rhel": "dnf",
    "centos": "dnf",
    "arch": "pacman",
    "alpine": "apk",
    "nixos": "nix-env",
    "freebsd": "pkg",
    "openbsd": "pkg_add",
    "netbsd": "pkgin",
}
"""The package manager that a system comes with."""
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,60}")


@dataclass(frozen=True)
class Install:
    """How to get a program.

    Attributes:
        command: what to type.
        manager: the program that the command starts with; ``manager_there`` whether that one is there, None if unknown.
        known: whether the knowledge base says so; otherwise the package is assumed to be called like the program.
    """

    command: str
    manager: str
    manager_there: bool | None
    known: bool


@dataclass(frozen=True)
class Program:
    """A program that a call recommends.

    Attributes:
        role: ``called`` where the call is that of the program, ``primary`` or ``alternative`` in a recommender's list.
        why: what speaks for it; empty where nobody says.
        installed: None where that is not known. What a shell has built in counts as installed.
        by_default: whether this system comes with it, by the knowledge base; None where it does not say.
        builtin: whether the shell has it built in.
        instead: what this system has in its place, such as ``dir`` for ``ls``.
        install: how to get it; None where it is there.
    """

    name: str
    role: str
    why: str = ""
    installed: bool | None = None
    by_default: bool | None = None
    builtin: bool = False
    instead: str = ""
    install: Install | None = None

    def to_dict(self) -> Json:
        return asdict(self)


@dataclass(frozen=True)
class Knowledge:
    """What the toolsets of a workspace know of programs.

    Attributes:
        programs: the ``cli`` of each, by name.
        about: the ``cli`` of the toolsets: ``package_managers`` by system, ``shell_builtins`` by shell.
    """

    programs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, toolsets: Sequence[Toolset]) -> Knowledge:
        """That of these toolsets; what an earlier one says holds."""
        programs: dict[str, Mapping[str, Any]] = {}
        about: dict[str, Any] = {}
        for toolset in toolsets:
            known = {
                tool.name: _mapping(tool.extra.get(KEY)) or _mapping(tool.details.get(KEY)) for tool in toolset.tools
            }
            programs = {**{name: entry for name, entry in known.items() if entry}, **programs}
            about = {**_mapping(toolset.extra.get(KEY)), **about}
        return cls(programs, about)

    def program(self, name: str, role: str, machine: Machine, why: str = "") -> Program:
        """What is to be said of one program on a machine."""
        entry = self.programs.get(name, {})
        there = self._availability(entry, machine)
        builtin = name in _texts(_mapping(self.about.get("shell_builtins")).get(machine.shell))
        by_default = next((one["installed_by_default"] for one in there if "installed_by_default" in one), None)
        installed = True if builtin else machine.has(name)
        return Program(
            name,
            role,
            why,
            installed,
            by_default if isinstance(by_default, bool) else None,
            builtin,
            next((one["alternative"] for one in there if isinstance(one.get("alternative"), str)), ""),
            # Where nobody looked, a program that the system comes with needs no command either.
            None if installed or (installed is None and by_default is True) else self._install(name, there, machine),
        )

    def _availability(self, entry: Mapping[str, Any], machine: Machine) -> list[Mapping[str, Any]]:
        """What the base says of a program on this system, the closest system first."""
        given = _mapping(entry.get("availability"))
        return [_mapping(given[name]) for name in machine.names if name in given]

    def _install(self, name: str, there: Sequence[Mapping[str, Any]], machine: Machine) -> Install | None:
        for one in there:
            command = one.get("install_cmd")
            if isinstance(command, str) and command.strip() and command.isprintable():
                manager = next((word for word in command.split() if word != "sudo"), "")
                return Install(command, manager, machine.has(manager) if "/" not in manager else None, known=True)
        known = dict(MANAGERS.get(machine.os, ()))
        for manager in self._managers(machine):
            if manager in known and _PACKAGE.fullmatch(name):
                return Install(known[manager].format(name), manager, machine.has(manager), known=False)
        return None

    def _managers(self, machine: Machine) -> list[str]:
        """Package managers of this system: those that are there first, then the usual one."""
        told = _mapping(self.about.get("package_managers"))
        listed = [manager for name in machine.names for manager in _texts(told.get(name))]
        usual = [USUAL[name] for name in machine.names if name in USUAL]
        every = list(dict.fromkeys([*listed, *usual, *(name for name, _ in MANAGERS.get(machine.os, ()))]))
        return sorted(every, key=lambda manager: machine.has(manager) is not True)


def recommended(calls: Sequence[ToolCall], machine: Machine, knowledge: Knowledge) -> list[Program]:
    """The programs that calls recommend, each once, in their order.

    A call of a tool that is a program recommends it, and with it what the knowledge base holds for better. A
    recommender's call lists programs in its arguments.
    """
    found: dict[str, Program] = {}
    for call in calls:
        for name, role, why in (*_called(call, knowledge), *_listed(call)):
            found.setdefault(name, knowledge.program(name, role, machine, why))
    return list(found.values())


def _called(call: ToolCall, knowledge: Knowledge) -> Iterator[tuple[str, str, str]]:
    if call.name not in knowledge.programs:
        return
    yield call.name, "called", ""
    for name, entry in knowledge.programs.items():
        if call.name in _texts(entry.get("improvements_over")):
            yield name, "alternative", ", ".join(_texts(entry.get("improvements")))


def _listed(call: ToolCall) -> Iterator[tuple[str, str, str]]:
    for argument, role in ROLES.items():
        listed = call.arguments.get(argument)
        for entry in listed if isinstance(listed, (list, tuple)) else ():
            if isinstance(entry, str) and entry:
                yield entry, role, ""
            elif isinstance(entry, Mapping) and isinstance(entry.get("name"), str) and entry["name"]:
                why = entry.get("reason")
                yield entry["name"], role, why if isinstance(why, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, (list, tuple)) else []
