"""Settings from a command line, the environment and a file, and what is said of those that cannot be."""

import dataclasses
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.actions.config import ConfigError, load, serve_settings
from workbench.actions.config.file import ConfigFile
from workbench.actions.config.schema import (
    SECTIONS,
    AuthConfig,
    Config,
    LimitsConfig,
    ModelConfig,
    variable_of,
)
from workbench.actions.serving import ServeSettings
from workbench.errors import WorkbenchError
from workbench.workspace import Workspace


@pytest.fixture
def settings(tmp_path: Path):
    """Loads a file's text, variables and what a command line says."""

    def settings(text: str = "", given: dict | None = None, **environment: str):
        path = tmp_path / "workbench.toml"
        path.write_text(text)
        path.chmod(0o600)
        return load(Workspace(tmp_path), environment=environment, given=given)

    return settings


def problems(settings, text: str = "", **more) -> list[tuple[int, str, str]]:
    """Line, field and hint of everything that is wrong."""
    with pytest.raises(ConfigError) as found:
        settings(text, **more)
    return [(one.line, one.field, one.hint) for one in found.value.problems]


def test_nothing_said_is_the_default(tmp_path):
    loaded = load(Workspace(tmp_path), environment={})
    assert loaded.config == Config() and loaded.origins == {}
    assert serve_settings(loaded.config) == ServeSettings(), "one place says what the defaults are"


def test_the_first_that_says_something_holds(settings):
    text = "[limits]\nseconds = 5\ntokens = 6\nwaiting = 7\n"
    variables = {"WORKBENCH_LIMITS_SECONDS": "8.5", "WORKBENCH_LIMITS_TOKENS": "9"}
    loaded = settings(text, {"limits.seconds": 10.0, "limits.tokens": None}, **variables)
    assert loaded.config.limits == LimitsConfig(seconds=10.0, tokens=9, waiting=7)
    shown = loaded.to_dict()
    places = [shown[f"limits.{key}"]["from"] for key in ("seconds", "tokens", "waiting", "body_mb")]
    assert [place.rpartition("/")[2] for place in places] == [
        "command line",
        "WORKBENCH_LIMITS_TOKENS",
        "workbench.toml:4",
        "default",
    ]


def test_several_models(settings):
    text = '[toolsets]\ndefault = "small"\n[[models]]\nid = "a/b"\n[[models]]\nid = "run:1"\ntoolset = "other"\n'
    config = settings(text).config
    assert config.models == (ModelConfig("a/b"), ModelConfig("run:1", "other"))
    served = serve_settings(config)
    assert (served.models, served.toolset, served.toolsets) == (("a/b", "run:1"), "small", {"run:1": "other"})
    assert settings(text, {"models": ["c"]}).config.models == (ModelConfig("c"),)
    assert settings(text, WORKBENCH_MODELS="c, d").config.models == (ModelConfig("c"), ModelConfig("d"))
    inline = '[{id = "c", toolset = "t"}]'
    assert settings(text, WORKBENCH_MODELS=inline).config.models == (ModelConfig("c", "t"),)


def test_every_setting_has_a_variable(settings):
    said = {"host": "10.0.0.1", "hosts": "a, b", "default": "small", "key_required": "yes"}
    kinds = {bool: "no", int: "9", float: "9.5", str: "text"}
    for section, kind in SECTIONS.items():
        for one in dataclasses.fields(kind):
            text = said.get(one.name) or kinds[type(one.default)]
            loaded = settings("", **{variable_of(section, one.name): text})
            value = getattr(getattr(loaded.config, section), one.name)
            assert value != one.default and loaded.origins == {f"{section}.{one.name}": variable_of(section, one.name)}


def test_every_problem_of_a_file_is_told_with_its_line_and_key(settings):
    text = """# comment
[server]
prot = 1
port = "x"

[limits]
body_mb = 1.5
seconds = 0
tokens = true
[[models]]
id = "a"
[[models]]
toolset = 3
[[models]]
id = "a"
"odd key" = 1
[auth]
hosts = ["a", 3]
[limit]
[capture]
active = "yes"
"""
    found = problems(settings, text)
    assert [(line, field) for line, field, _ in found] == [
        (3, "server.prot"),
        (4, "server.port"),
        (7, "limits.body_mb"),
        (8, "limits.seconds"),
        (9, "limits.tokens"),
        (13, "models[1].toolset"),
        (12, "models[1]"),
        (16, "models[2].odd key"),
        (15, "models[2].id"),
        (18, "auth.hosts"),
        (19, "limit"),
        (21, "capture.active"),
    ]
    assert found[0][2] == "Did you mean 'port'?" and "Did you mean 'limits'?" in [hint for _, _, hint in found]
    assert all(hint for _, _, hint in found)


def test_what_is_wrong_elsewhere(settings):
    variables = {"WORKBENCH_LIMITS_TOKENS": "many", "WORKBENCH_LIMITS_TOKEN": "5", "WORKBENCH_OTHER": "x"}
    found = problems(settings, **variables, given={"capture.keep_days": -1, "models": ["a", "a"]})
    assert [field for _, field, _ in found] == [
        "WORKBENCH_LIMITS_TOKENS",
        "WORKBENCH_LIMITS_TOKEN",
        "--keep-days",
        "models[1].id",
    ]
    assert found[1][2] == "Did you mean 'WORKBENCH_LIMITS_TOKENS'?"
    assert problems(settings, WORKBENCH_MODELS="a,")[0][1] == "models[1].id"


@pytest.mark.parametrize(
    ("text", "line"),
    [("[server]\nport = \n", 2), ("a = 1\na = 2\n", 2), ("x = [1,\n2\n", 2), ('[server]\n\nhost = "x', 3), ("]", 1)],
)
def test_what_is_no_toml_is_told_with_its_line(settings, text, line):
    with pytest.raises(WorkbenchError, match=f"workbench.toml:{line}: is no TOML"):
        settings(text)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(WorkbenchError, match=r"no\.toml"):
        load(Workspace(tmp_path), tmp_path / "no.toml", {})
    path = tmp_path / "named.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(WorkbenchError, match="UTF-8"):
        load(Workspace(tmp_path), environment={"WORKBENCH_CONFIG": str(path)})
    path.write_bytes(b"#" * (1 << 17))
    with pytest.raises(WorkbenchError, match="larger"):
        load(Workspace(tmp_path), path, {})


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_secrets_stay_secret(settings, tmp_path):
    text = '[auth]\npassword = "open sesame"\napi_key = "k3y"\n'
    loaded = settings(text)
    shown = json.dumps(loaded.to_dict())
    assert "sesame" not in shown and "k3y" not in shown and shown.count("(set)") == 2
    assert "sesame" not in repr(loaded) and "k3y" not in repr(AuthConfig("open sesame", "k3y"))
    (tmp_path / "workbench.toml").chmod(0o640)
    with pytest.raises(ConfigError, match="others can read") as found:
        load(Workspace(tmp_path), environment={})
    assert "chmod 600" in str(found.value) and "WORKBENCH_PASSWORD" in str(found.value)
    assert load(Workspace(tmp_path), environment={"WORKBENCH_PASSWORD": "x", "WORKBENCH_API_KEY": "y"}).config.auth
    for wrong in ("ümlaut", " k3y", "k\n3y"):
        with pytest.raises(ConfigError) as found:
            settings(WORKBENCH_API_KEY=wrong)
        assert wrong not in str(found.value)


KEYS = st.sampled_from(["port", "host", "other", "quoted key", "a.b"])
TEXTS = st.sampled_from(["'x'", '"""\nport = 3\n[server]\n"""', "[\n1,\n2]", "{a = 1}", "7 # port = 9", "1979-05-27"])


@given(st.dictionaries(st.sampled_from(["server", "limits"]), st.dictionaries(KEYS, TEXTS)))
def test_the_line_of_a_key_is_where_it_is_written(sections):
    lines, places = ["# a file", ""], {}
    for section, entries in sections.items():
        lines += [f"[{section}]", ""]
        for key, value in entries.items():
            places[section, key] = len(lines) + 1
            lines += f"{json.dumps(key)} = {value}".split("\n") + ["# port = 1"]
    source = ConfigFile.parse("x", "\n".join(lines))
    assert {path: source.line(path) for path in places} == places
    assert source.line(("server", "nowhere")) == 0
