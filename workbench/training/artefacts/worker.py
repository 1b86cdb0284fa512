"""Worker of an export run: ``python -m workbench.training.artefacts.worker RUN_FOLDER``.

Reads ``config.json`` and ``cases.jsonl``; writes ``artefact/`` and ``flips.jsonl``. First the trained model, its
adapter on its base, answers the cases; then the artefact is written, loaded from its files and put to the same cases.
Both compute in float32, integers aside, so that only the files make a difference.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.records import Model, Reply, Scenario, Toolset
from workbench.runfolder import RunFolder, append_rows, iterate_rows
from workbench.runfolder.reporting import Ending, Reporter, run_worker
from workbench.training.artefacts.card import write_card
from workbench.training.artefacts.parity import Parity, compare
from workbench.training.artefacts.settings import ARTEFACT, FLIPS, FORMATS, ExportSettings

_HOW = "The artefact was loaded from its files and computed in float32, as was the trained model."
_HOW_INT8 = "The artefact was loaded from its files and computed with 8-bit integers; the trained model in float32."
_HOW_GGUF = (
    "The file was read by transformers, its weights turned back into float32, its tokens cut by its own vocabulary; "
    "llama.cpp itself was not run."
)


@dataclass(frozen=True)
class Job:
    """What a run folder asks for; ``about`` is for the card."""

    model: Model
    toolset: Toolset
    settings: ExportSettings
    cases: tuple[Scenario, ...]
    about: Mapping[str, Any]

    @classmethod
    def read(cls, folder: RunFolder) -> Job:
        """Raises WorkbenchError when the folder is incomplete."""
        config = folder.read_config()
        return cls(
            model=Model(**config["model"]),
            toolset=Toolset.from_dict(config["toolset"]),
            settings=ExportSettings.from_dict(config["settings"]),
            cases=tuple(Scenario.from_dict(row["scenario"]) for row in iterate_rows(folder.cases)),
            about=config["about"],
        )

    @property
    def name(self) -> str:
        """The model's name as a file may be called."""
        return re.sub(r"[^\w.-]+", "-", self.about["name"]).strip("-.") or "router"


class Cancelled(Exception):
    """Somebody asked the run to end."""


def export(folder: RunFolder, reporter: Reporter) -> Ending:
    """Do the whole job. Raises WorkbenchError for what a person can put right."""
    work = _Work(Job.read(folder), folder, reporter)
    try:
        return work.run()
    except Cancelled:
        written = (folder.path / ARTEFACT).is_dir()
        said = "Stopped; the artefact is written, but was not compared." if written else "Stopped."
        return Ending("stopped", said, work.summary if written else {})


class _Work:
    """One export. Steps: each case twice, and the writing between."""

    def __init__(self, job: Job, folder: RunFolder, reporter: Reporter) -> None:
        self.job, self.folder, self.reporter = job, folder, reporter
        self.target = folder.path / ARTEFACT
        self.summary: dict[str, Any] = {"format": job.settings.format}
        self.done = 0
        reporter.update(total_steps=2 * len(job.cases) + 1)

    def run(self) -> Ending:
        # torch and transformers take seconds to import: the heart beats already.
        import torch

        from workbench.inference.engine import load, load_tuned, set_up_process
        from workbench.training.artefacts.writers import to_model

        set_up_process(self.job.settings.threads)
        order = self.order()
        before = self.answer(load_tuned(self.job.model, torch.float32))
        self.write(order)
        self.reporter.update(phase="loading", step=self.done)
        after = self.answer(load(to_model(order, self.target), torch.float32))
        parity = compare(self.job.cases, before, after, self.job.toolset, self.job.settings.limit)
        return self.conclude(parity)

    def order(self) -> Any:
        from workbench.training.artefacts.writers import Order

        about = self.job.about
        described = f"{FORMATS[self.job.settings.format]} of {about['name']}, trained on snapshot {about['snapshot']}"
        probes = [scenario.request for scenario in self.job.cases]
        return Order(self.job.model, self.job.settings.format, self.job.name, described, probes)

    def answer(self, loaded: Any) -> list[Reply]:
        from workbench.inference.replies import reply_to

        settings, replies = self.job.settings, []
        self.reporter.update(phase="answering", message=loaded.notice)
        self.summary |= loaded.batching
        for reply in reply_to(loaded, self.job.cases, self.job.toolset, settings.max_new_tokens, settings.batch_size):
            replies.append(reply)
            self.advance()
        return replies

    def advance(self) -> None:
        """One step further. Raises Cancelled."""
        self.done += 1
        total = 2 * len(self.job.cases) + 1
        self.reporter.update(step=self.done, eta_s=round(self.reporter.seconds / self.done * (total - self.done), 1))
        self.stop_if_cancelled()

    def stop_if_cancelled(self) -> None:
        if self.reporter.cancelled:
            raise Cancelled

    def write(self, order: Any) -> None:
        """The files under a temporary name, then into place."""
        from workbench.training.artefacts.writers import write

        self.reporter.update(phase="writing")
        fresh = self.target.with_name(f".{ARTEFACT}.{os.getpid()}.tmp")
        shutil.rmtree(self.target, ignore_errors=True)
        fresh.mkdir()
        try:
            write(order, fresh, lambda done, total: self.stop_if_cancelled())
            self.write_card(fresh, None)
            fresh.replace(self.target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        sizes = {name: (self.target / name).stat().st_size for name in _names(self.target)}
        files = [{"name": name, "bytes": size} for name, size in sizes.items()]
        self.summary |= {"files": files, "bytes": sum(sizes.values())}
        self.reporter.metric({"bytes": self.summary["bytes"], "time": self.reporter.seconds})
        self.advance()

    def conclude(self, parity: Parity) -> Ending:
        format = self.job.settings.format
        how = _HOW_GGUF if format.startswith("gguf-") else _HOW_INT8 if format == "int8" else _HOW
        found = {**parity.to_dict(), "split": self.job.settings.split, "how": how}
        (self.folder.path / FLIPS).unlink(missing_ok=True)
        append_rows(self.folder.path / FLIPS, (flip.to_dict() for flip in parity.flips))
        self.write_card(self.target, found)
        self.summary |= {"parity": found, "seconds": round(self.reporter.seconds, 1)}
        said = "" if parity.matches else f"Does not match: {len(parity.flips)} of {parity.n} answers differ."
        return Ending("done", said, self.summary)

    def write_card(self, folder: Path, parity: Mapping[str, Any] | None) -> None:
        about = {**self.job.about, "format": self.job.settings.format, "dialect": self.summary["dialect"]}
        names: Sequence[str] = [name for name in _names(folder) if name != "README.md"]
        fresh = folder / ".README.md.tmp"
        fresh.write_text(write_card(about, names, parity), "utf-8")
        fresh.replace(folder / "README.md")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


if __name__ == "__main__":
    sys.exit(run_worker(Path(sys.argv[1]), export))
