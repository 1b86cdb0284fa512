"""What other programs call operating systems, and the tags that keep what our own words lose."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

_LINUX = ("ubuntu", "debian", "arch", "fedora", "alpine", "centos", "rhel", "nixos", "wsl")
SYSTEMS = {
    **{name: name for name in ("macos", "linux", "windows", "bsd")},
    **dict.fromkeys(("darwin", "osx"), "macos"),
    **dict.fromkeys(_LINUX, "linux"),
    **dict.fromkeys(("freebsd", "openbsd", "netbsd"), "bsd"),
    "win32": "windows",
}
OS_TAG, PREFERENCE_TAG = "os:", "preference:"


def preference_tag(name: str, value: Any) -> str:
    """A person's preference as a tag, such as ``preference:prefer_modern_tools=true``."""
    return f"{PREFERENCE_TAG}{name}={json.dumps(value, ensure_ascii=False)}"


def from_preference(tag: str) -> tuple[str, Any] | None:
    """The inverse of ``preference_tag``; None for any other tag."""
    name, equals, text = tag.removeprefix(PREFERENCE_TAG).partition("=")
    if not tag.startswith(PREFERENCE_TAG) or not equals or not name:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return (name, value) if preference_tag(name, value) == tag else None


def system_of(os: str, tags: Iterable[str]) -> str:
    """The name of the system that a tag ``os:…`` gives, or else Apple's own for macOS, or else ours."""
    named = (tag.removeprefix(OS_TAG) for tag in tags if tag.startswith(OS_TAG))
    kept = next((name for name in named if SYSTEMS.get(name) == os and name != os), None)
    return kept or ("darwin" if os == "macos" else os)
