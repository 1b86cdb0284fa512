"""Settings are checked with a reason, and survive the trip through JSON."""

import dataclasses
import json

import pytest

from workbench.errors import WorkbenchError
from workbench.training.settings import TrainSettings, default_settings
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
        ("target_modules", ("q_proj", "lm_head")),
        ("target_modules", ()),
    ],
)
def test_nonsense_is_refused_with_a_reason(name: str, value: object) -> None:
    (problem,) = dataclasses.replace(TrainSettings(), **{name: value}).check()
    assert problem.field == name
    assert problem.hint


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
