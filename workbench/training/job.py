"""What a training run's folder asks for. Knows no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.records import Model, Scenario, Toolset
from workbench.runfolder import RunFolder, iterate_rows
from workbench.training.settings import TrainSettings


@dataclass(frozen=True)
class Job:
    """What a run folder asks for.

    Attributes:
        cache: where tokens are kept from run to run; None where nothing is kept.
    """

    model: Model
    toolset: Toolset
    settings: TrainSettings
    train: tuple[Scenario, ...]
    validation: tuple[Scenario, ...]
    cache: Path | None = None

    @classmethod
    def read(cls, folder: RunFolder) -> Job:
        """Raises WorkbenchError when the folder is incomplete or asks for nonsense."""
        config = folder.read_config()
        settings = TrainSettings.from_dict(config["settings"])
        if problems := settings.check():
            raise WorkbenchError(f"{str(problems[0]).capitalize()}.", problems[0].hint)
        splits: dict[str, list[Scenario]] = {"train": [], "validation": []}
        for row in iterate_rows(folder.train):
            splits[row["split"]].append(Scenario.from_dict(row["scenario"]))
        if not splits["train"]:
            raise WorkbenchError("There is no training scenario.", "Approve some that fall on the train split.")
        return cls(
            model=Model(**config["model"]),
            toolset=Toolset.from_dict(config["toolset"]),
            settings=settings,
            train=tuple(splits["train"]),
            validation=tuple(splits["validation"]),
            cache=folder.path / config["cache"] if config.get("cache") else None,
        )
