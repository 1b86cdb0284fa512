"""Which routers a process keeps: idle ones make room, those that answer never do."""

import os
from pathlib import Path
from types import SimpleNamespace

from workbench.serving.routers import Routers


def test_idle_ones_make_room_and_busy_ones_stay(tmp_path: Path):
    loaded = []

    def load(model, toolset):
        loaded.append(model["id"])
        return SimpleNamespace(busy=False, id=model["id"])

    routers = Routers(2, load)
    models = {name: {"id": name, "base": str(tmp_path / name), "adapter": ""} for name in "abc"}
    for name in "ab":
        routers.load(models[name], {})
        routers.load(models[name], {})
    assert loaded == ["a", "b"] and routers.busy() == []
    first = routers.find(models["a"])
    first.busy = True
    routers.make_room(1)
    routers.load(models["c"], {})
    assert routers.find(models["a"]) is first and routers.find(models["b"]) is None and routers.busy() == [first]
    routers.find(models["c"]).busy = True
    routers.make_room(1)
    routers.load(models["b"], {})
    assert all(routers.find(model) for model in models.values()), "one too many while two answer"
    first.busy = False
    routers.make_room(0)
    assert routers.find(models["a"]) is None and len(routers.busy()) == 1


def test_loading_forgets_none_that_somebody_is_about_to_begin_with(tmp_path: Path):
    routers = Routers(1, lambda model, toolset: SimpleNamespace(busy=False))
    models = {name: {"id": name, "base": str(tmp_path / name), "adapter": ""} for name in "ab"}
    routers.load(models["a"], {})
    found = routers.find(models["a"])
    routers.load(models["b"], {})
    found.busy = True
    assert routers.busy() == [found]


def test_weights_that_were_written_again_are_another_model(tmp_path: Path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"1")
    routers = Routers(2, lambda model, toolset: SimpleNamespace(busy=True))
    model = {"id": "m", "base": str(tmp_path), "adapter": ""}
    routers.load(model, {})
    old = routers.find(model)
    os.utime(file, (1, 1))
    assert routers.find(model) is None
    routers.load(model, {})
    assert routers.find(model) is not old and len(routers.busy()) == 2, "who asked before is answered by the old one"
