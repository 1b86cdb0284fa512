"""What the app is told at its start: typed settings from a command line, the environment and ``workbench.toml``.

The first of these that says something holds; what none says has a default. Docs: ``docs/config.md``.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.actions.config.file import ConfigFile
from workbench.actions.config.schema import MODELS, SECTIONS, Config, keys, variable_of
from workbench.actions.config.sources import from_command_line, from_environment, from_file
from workbench.actions.serving import ServeSettings
from workbench.errors import Problem, WorkbenchError
from workbench.workspace import CONFIG_NAME, Workspace

Json = dict[str, Any]
CONFIG = "WORKBENCH_CONFIG"
"""The variable that names the file."""
DEFAULT, COMMAND_LINE = "default", "command line"


class ConfigError(WorkbenchError):
    """Settings that cannot be used; every problem of all sources at once."""

    def __init__(self, problems: list[Problem]) -> None:
        lines = (f"{problem}. {problem.hint}".strip() for problem in problems)
        super().__init__("\n".join(["The settings cannot be used.", *lines]), "docs/config.md lists every setting.")
        self.problems = problems


@dataclass(frozen=True)
class Loaded:
    """Settings, and where each was said: a file's name with a line, a variable, ``command line`` or ``default``."""

    config: Config
    origins: Mapping[str, str]

    def to_dict(self) -> Json:
        """By setting its value and origin. Secrets are told as set or not, never in words."""
        rows: Json = {}
        for section, kind in SECTIONS.items():
            for one in dataclasses.fields(kind):
                name, value = f"{section}.{one.name}", getattr(getattr(self.config, section), one.name)
                shown = ("(set)" if value else "") if one.metadata["rules"].secret else value
                rows[name] = {"value": shown, "from": self.origins.get(name, DEFAULT)}
        models = [dataclasses.asdict(model) for model in self.config.models]
        return {**rows, MODELS: {"value": models, "from": self.origins.get(MODELS, DEFAULT)}}


def load(
    workspace: Workspace,
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    given: Mapping[str, Any] | None = None,
) -> Loaded:
    """The settings of an app on a workspace.

    Args:
        file: ``workbench.toml`` of the workspace by default, where there is one.
        given: values from the command line by setting, such as ``{"server.port": 0}``; None says nothing. ``models``
            are ids.

    Raises:
        ConfigError: a source says something that cannot be; file, line and key stand in it.
        WorkbenchError: the named file cannot be read.
    """
    chosen = file or (Path(environment[CONFIG]) if environment.get(CONFIG) else None)
    place = chosen or workspace.root / CONFIG_NAME
    source = ConfigFile.read(place) if chosen or place.is_file() else ConfigFile(str(place), "", {})
    problems: list[Problem] = []
    values, origins = from_file(source, problems.append)
    for name, value, variable in from_environment(environment, problems.append):
        values[name], origins[name] = value, variable
    for name, value in from_command_line(given or {}, problems.append):
        values[name], origins[name] = value, COMMAND_LINE
    problems += _open_secrets(source, origins)
    if problems:
        raise ConfigError(problems)
    sections: Json = {
        section: kind(**{key: values[f"{section}.{key}"] for key in keys(kind) if f"{section}.{key}" in values})
        for section, kind in SECTIONS.items()
    }
    return Loaded(Config(models=values.get(MODELS, ()), **sections), origins)


def serve_settings(config: Config) -> ServeSettings:
    """What serving needs of the settings."""
    limits = config.limits
    return ServeSettings(
        models=tuple(model.id for model in config.models),
        toolset=config.toolsets.default,
        traffic=config.capture.active,
        keep_days=config.capture.keep_days,
        seconds=limits.seconds,
        toolsets={model.id: model.toolset for model in config.models if model.toolset},
        tokens=limits.tokens,
        waiting=limits.waiting,
        body_bytes=limits.body_mb << 20,
        body_seconds=limits.body_seconds,
    )


def _open_secrets(source: ConfigFile, origins: Mapping[str, str]) -> list[Problem]:
    """A secret in a file that other users of the computer may read."""
    secret = [
        (section, key)
        for section, kind in SECTIONS.items()
        for key, one in keys(kind).items()
        if one.metadata["rules"].secret and source.name in origins.get(f"{section}.{key}", "")
    ]
    if not secret or os.name == "nt" or not stat.S_IMODE(Path(source.name).stat().st_mode) & 0o077:
        return []
    said, mend = "is a secret in a file that others can read", f"Run chmod 600 {source.name}"
    return [source.problem(path, said, f"{mend}, or set {variable_of(*path)} instead.") for path in secret]
