"""What a file, the environment and a command line say; what is wrong with it is told, and left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workbench.actions.config.file import ConfigFile
from workbench.actions.config.schema import MODELS, PREFIX, SECTIONS, ModelConfig, keys, variable_of
from workbench.actions.config.values import from_text, nearest, read_value
from workbench.errors import Problem, WorkbenchError


def from_file(source: ConfigFile, tell: Callable[[Problem], None]) -> tuple[dict[str, Any], dict[str, str]]:
    """Values and origins by setting."""
    values, origins = {}, {}
    for section, held in source.data.items():
        if section == MODELS:
            values[section] = _models(source, held, tell)
            origins[section] = source.place((section,))
        elif section not in SECTIONS:
            hint = nearest(section, [*SECTIONS, MODELS])
            tell(source.problem((section,), "is no section that is known", hint))
        elif not isinstance(held, Mapping):
            tell(source.problem((section,), "must be a section", f"Write [{section}], and its settings below it."))
        else:
            for key, value in _section(source, (section,), held, SECTIONS[section], tell):
                values[f"{section}.{key}"], origins[f"{section}.{key}"] = value, source.place((section, key))
    return values, origins


def _section(
    source: ConfigFile,
    path: tuple[str | int, ...],
    held: Mapping[str, Any],
    kind: type[Any],
    tell: Callable[[Problem], None],
) -> Iterator[tuple[str, Any]]:
    known = keys(kind)
    for key, value in held.items():
        if key not in known:
            tell(source.problem((*path, key), "is no setting that is known", nearest(key, known)))
            continue
        try:
            yield key, read_value(value, type(known[key].default), known[key].metadata["rules"])
        except WorkbenchError as error:
            tell(source.problem((*path, key), error.message, error.hint))


def _models(source: ConfigFile, held: Any, tell: Callable[[Problem], None]) -> tuple[ModelConfig, ...]:
    if not isinstance(held, list) or not all(isinstance(row, Mapping) for row in held):
        tell(source.problem((MODELS,), "must be a list of sections", "Write [[models]] above each model."))
        return ()
    found: list[ModelConfig] = []
    for i, row in enumerate(held):
        said = dict(_section(source, (MODELS, i), row, ModelConfig, tell))
        if "id" not in row:
            tell(source.problem((MODELS, i), "names no model", 'Add id = "…".'))
        if said.get("id") in [model.id for model in found]:
            tell(source.problem((MODELS, i, "id"), f"'{said['id']}' is given twice", "Leave one out."))
        found.append(ModelConfig(**said))
    return tuple(found)


def from_environment(environment: Mapping[str, str], tell: Callable[[Problem], None]) -> Iterator[tuple[str, Any, str]]:
    """Setting, value and variable; variables that are empty say nothing."""
    for section, kind in SECTIONS.items():
        for key, one in keys(kind).items():
            variable = variable_of(section, key)
            if not environment.get(variable):
                continue
            try:
                value = from_text(environment[variable], type(one.default))
                yield f"{section}.{key}", read_value(value, type(one.default), one.metadata["rules"]), variable
            except WorkbenchError as error:
                tell(Problem(error.message, variable, hint=error.hint))
    variable = PREFIX + MODELS.upper()
    if environment.get(variable):
        source = _listed(variable, environment[variable].strip())
        yield MODELS, _models(source, source.data[MODELS], tell), variable

    for variable in environment:
        told_section = next((name for name in SECTIONS if variable.startswith(f"{variable_of(name)}_")), "")
        names = [variable_of(told_section, key) for key in keys(SECTIONS[told_section])] if told_section else []
        if names and variable not in names:
            tell(Problem("is no variable that is known", variable, hint=nearest(variable, names, str.upper)))


def from_command_line(given: Mapping[str, Any], tell: Callable[[Problem], None]) -> Iterator[tuple[str, Any]]:
    """Setting and value; None says nothing."""
    for name, value in given.items():
        if value is None:
            continue
        if name == MODELS:
            source = ConfigFile("--model", "", {MODELS: [{"id": one} for one in value]})
            yield name, _models(source, source.data[MODELS], tell)
            continue
        section, _, key = name.partition(".")
        one = keys(SECTIONS[section])[key]
        try:
            yield name, read_value(value, type(one.default), one.metadata["rules"])
        except WorkbenchError as error:
            tell(Problem(error.message, f"--{key.replace('_', '-')}", hint=error.hint))


def _listed(variable: str, text: str) -> ConfigFile:
    """Models in a variable: a list in TOML's form, or ids with commas between them."""
    if text.startswith("["):
        return ConfigFile.parse(variable, f"{MODELS} = {text}")
    return ConfigFile(variable, "", {MODELS: [{"id": one.strip()} for one in text.split(",")]})
