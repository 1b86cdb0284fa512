"""A small campaign really kills, and the checks would notice damage."""

from pathlib import Path

from benchmarks.kill_campaign import broken_files, campaign
from workbench.runfolder import RunFolder


def test_three_kills_hurt_nothing(tmp_path: Path) -> None:
    found = campaign(3, seed=1, root=tmp_path, epochs=20)
    assert found["faults"] == [] and found["ok"] and found["kills"] == 3 and found["runs"] >= 2


def test_broken_files_are_noticed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.adapter.mkdir()
    assert broken_files(folder) == ["adapter/ has no weights"]
    (folder.adapter / "adapter_model.safetensors").write_bytes(b"half")
    folder.config.write_text("{")
    assert broken_files(folder) == ["config.json is broken", "adapter/adapter_model.safetensors is broken"]
