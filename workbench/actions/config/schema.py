"""The settings that there are: a dataclass a section, a field a setting with its type, default, limits and meaning.

``docs/config.md`` says the same for people; a test compares the two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from workbench.actions.chat import MAX_TOKENS
from workbench.actions.config.values import Rules
from workbench.serving.process import WAITING

PREFIX = "WORKBENCH_"


def _setting(default: Any, told: str, least: float | None = None, most: float | None = None, **more: Any) -> Any:
    """A field with what the documentation says of it, its limits, and whether it is a secret or may be long."""
    rules = Rules(least, most, **more)
    return field(default=default, repr=not rules.secret, metadata={"told": told, "rules": rules})


@dataclass(frozen=True)
class ServerConfig:
    """Where the app listens."""

    host: str = _setting("127.0.0.1", "address; another than this computer's own demands `auth`", filled=True)
    port: int = _setting(7860, "0 takes a free one", 0, 65535)
    open_browser: bool = _setting(True, "whether the browser opens at the start")


@dataclass(frozen=True)
class ModelConfig:
    """One served model beside the starter and the trained ones; `[[models]]`, as often as there are models."""

    id: str = _setting("", "as `compare` takes it: a hub id, a folder, a `.gguf` file, `run:ID`", filled=True)
    toolset: str = _setting("", "of its requests without tools (the one it was trained for, else `toolsets.default`)")


@dataclass(frozen=True)
class ToolsetsConfig:
    """Which tools requests get that bring none."""

    default: str = _setting("", "name of a toolset (empty: the one that the model was trained for)")


@dataclass(frozen=True)
class LimitsConfig:
    """What may be asked of the server."""

    seconds: float = _setting(120.0, "for one answer", 1, 3600)
    tokens: int = _setting(MAX_TOKENS, "that one reply may be asked to have", 1, MAX_TOKENS)
    waiting: int = _setting(WAITING, "requests under way at once; further ones get 429 and `Retry-After`", 1, 10_000)
    body_mb: int = _setting(4, "megabytes of one request's body at `/v1`", 1, 64)
    upload_mb: int = _setting(256, "megabytes of any other body, such as an imported file", 1, 4096)
    body_seconds: float = _setting(30.0, "for a body at `/v1` to arrive; elsewhere, for its next piece", 1, 600)


@dataclass(frozen=True)
class AuthConfig:
    """Who may come in. Addresses beyond this computer demand both secrets; better set them in the environment."""

    password: str = _setting("", "of the pages' login, with any user name", secret=True, variable="WORKBENCH_PASSWORD")
    api_key: str = _setting("", "of `/api`, `/v1`, `/health`, `/metrics`", secret=True, variable="WORKBENCH_API_KEY")
    key_required: bool = _setting(False, "whether programs on this computer need the key, too")
    hosts: tuple[str, ...] = _setting((), "names that browsers may use for this server beyond this computer's own")


@dataclass(frozen=True)
class CaptureConfig:
    """What is kept of requests and answers, redacted first."""

    active: bool = _setting(True, "whether decisions are recorded")
    keep_days: int = _setting(90, "how long", 1, 3650)


@dataclass(frozen=True)
class Config:
    """Everything the app is told. A section a field; ``models`` is a list of sections."""

    server: ServerConfig = ServerConfig()
    models: tuple[ModelConfig, ...] = ()
    toolsets: ToolsetsConfig = ToolsetsConfig()
    limits: LimitsConfig = LimitsConfig()
    auth: AuthConfig = AuthConfig()
    capture: CaptureConfig = CaptureConfig()


SECTIONS: Mapping[str, type[Any]] = MappingProxyType(
    {f.name: type(f.default) for f in dataclasses.fields(Config) if f.name != "models"}
)
MODELS = "models"


def variable_of(section: str, key: str = "") -> str:
    """The environment variable of a setting."""
    rules: Rules | None = keys(SECTIONS[section])[key].metadata["rules"] if key else None
    return (rules and rules.variable) or "_".join(filter(None, (f"{PREFIX}{section}".upper(), key.upper())))


def keys(kind: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    """The settings of a section, by name."""
    return {one.name: one for one in dataclasses.fields(kind)}
