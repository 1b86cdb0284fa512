"""Settings are checked with a reason, and survive the trip through JSON."""

import dataclasses
import json
from typing import Any

import pytest

from workbench.errors import WorkbenchError
from workbench.training.settings import PRESETS, TrainSettings, default_settings, preset_settings
from workbench.workspace import STARTER


def test_defaults_are_sound() -> None:
    assert TrainSettings().check() == []
    assert default_settings(str(STARTER)).check() == []


def test_the_starter_learns_faster() -> None:
    starter, hub = default_settings(str(STARTER)), default_settings("google/functiongemma-270m-it")
    assert starter == default_settings("starter")
    assert starter.learning_rate > hub.learning_rate == TrainSettings().learning_rate


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 2.0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("epochs", 0),
        ("batch_size", 0),
        ("rank", 0),
        ("dropout", 1.0),
        ("augment", 1.5),
        ("warmup", 1.0),
        ("threads", -1),
        ("precision", "int4"),
        ("dialect", "klingon"),
        ("variant", "qlora"),
        ("quantization", "int3"),
        ("schedule", "stairs"),
        ("checkpointing", "yes"),
        ("device", "tpu"),
        ("device", "cuda:x"),
        ("processes", 0),
        ("launcher", "slurm"),
        ("accumulate", 0),
        ("max_steps", -1),
        ("b_rate_factor", 0),
        ("validation_scenarios", 0),
        ("neftune", -1.0),
        ("neftune", 101.0),
        ("report_to", "wandb"),
        ("target_modules", ("q_proj", "lm_head")),
        ("target_modules", ()),
    ],
)
def test_nonsense_is_refused_with_a_reason(name: str, value: object) -> None:
    (problem,) = dataclasses.replace(TrainSettings(), **{name: value}).check()
    assert problem.field == name
    assert problem.hint


@pytest.mark.parametrize(
    "place",
    [{"launcher": "ray"}, {"launcher": "ray", "device": "cuda:1"}, {"processes": 2, "device": "cuda:0"},
     {"processes": 2, "device": "mps"}],
)  # fmt: skip
def test_a_device_must_go_with_launcher_and_processes(place: dict[str, Any]) -> None:
    (problem,) = TrainSettings(**place).check()
    assert problem.field == "device" and "cuda" in problem.hint
    assert TrainSettings(**{**place, "device": "cuda"}).check() == []


def test_a_learning_rate_of_two_is_explained() -> None:
    (problem,) = TrainSettings(learning_rate=2).check()
    assert "learning rate of 2" in problem.message
    assert "wreck" in problem.hint


def test_settings_survive_json() -> None:
    settings = TrainSettings(rank=8, learning_rate=1e-3, target_modules=("q_proj",), max_seconds=60)
    assert TrainSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_numbers_of_a_browser_are_converted() -> None:
    settings = TrainSettings.from_dict({"epochs": 3.0, "learning_rate": 1, "max_seconds": 5})
    assert (settings.epochs, type(settings.epochs)) == (3, int)
    assert type(settings.learning_rate) is float


@pytest.mark.parametrize(
    "data",
    [{"epoch": 3}, {"epochs": 2.5}, {"epochs": "many"}, {"epochs": True}, {"epochs": None}, {"target_modules": "q"}],
)
def test_unknown_names_and_types_are_refused(data: dict[str, object]) -> None:
    with pytest.raises(WorkbenchError) as caught:
        TrainSettings.from_dict(data)
    assert next(iter(data)) in caught.value.message


def test_the_rate_of_b_is_checked_as_well() -> None:
    (problem,) = TrainSettings(learning_rate=0.03, b_rate_factor=4).check()
    assert problem.field == "b_rate_factor" and "0.12" in problem.message and "0.05" in problem.hint
    assert TrainSettings(device="cuda:1").check() == []


def test_muon_has_nothing_for_lengths() -> None:
    (problem,) = TrainSettings(optimizer="muon", variant="dora").check()
    assert problem.field == "optimizer" and "adamw" in problem.hint
    assert TrainSettings(optimizer="muon", variant="rslora").check() == []


@pytest.mark.parametrize("base", ["starter", "google/functiongemma-270m-it"])
@pytest.mark.parametrize("scenarios", [1, 30, 800, 100_000])
def test_presets_are_sound_and_grow(base: str, scenarios: int) -> None:
    found = [preset_settings(name, base, scenarios) for name in PRESETS]
    assert all(one.check() == [] for one in found)
    epochs = [one.epochs for one in found]
    assert epochs == sorted(epochs) and found[-1].early_stop_patience > 0
    assert [one.rank for one in found] == sorted(one.rank for one in found)
    assert all(one.alpha == 2 * one.rank for one in found)


def test_presets_follow_data_and_device() -> None:
    few, many = (preset_settings("balanced", "a/b", n) for n in (30, 5000))
    assert few.batch_size < many.batch_size and few.epochs > many.epochs
    assert preset_settings("balanced", "a/b", 5000, gpu=True).batch_size == 2 * many.batch_size
    assert (
        preset_settings("quick", "starter", 800).max_seconds < preset_settings("thorough", "starter", 800).max_seconds
    )
    with pytest.raises(WorkbenchError, match="no preset 'best'"):
        preset_settings("best", "starter", 800)
