"""The training loop: steps, metrics, validations, checkpoints, the best adapter. Knows no store and no UI."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import psutil
import torch
from torch import Tensor

from workbench.dialects import get_dialect
from workbench.errors import WorkbenchError
from workbench.inference.engine import load_base, pick_device, set_up_process
from workbench.runfolder import RunFolder
from workbench.runfolder.reporting import Ending, Reporter
from workbench.training import checkpoint
from workbench.training.boards import Board, NoBoard, open_board, refuse_missing
from workbench.training.checkpoint import Checkpoint
from workbench.training.feed import Feed, Place
from workbench.training.job import Job
from workbench.training.lora import Trainee, read_adapter
from workbench.training.memory import peak_memory_mb, return_memory
from workbench.training.pace import Pace
from workbench.training.packing import Batch
from workbench.training.schedule import learning_rate, validation_interval
from workbench.training.team import Team
from workbench.training.validating import Validator

SAVING_SECONDS = 2.0
CHECKPOINT_SECONDS = 30.0
CHECKPOINT_SHARE = 0.05
"""At most this part of the time goes into checkpoints, unless a number of steps is set."""
logger = logging.getLogger(__name__)


class Loop:
    """One training run from its first to its last step."""

    def __init__(self, job: Job, folder: RunFolder, reporter: Reporter, team: Team | None = None) -> None:
        self.job, self.folder, self.reporter, self.settings = job, folder, reporter, job.settings
        refuse_missing(self.settings.report_to)
        set_up_process(self.settings.threads)
        torch.manual_seed(self.settings.seed)
        four_bits = pick_device(self.settings.device) if self.settings.quantization == "nf4" else None
        self.trainee = Trainee(*load_base(job.model.base, four_bits), self.settings, team)
        on_cpu = self.trainee.loaded.device.type == "cpu"
        self.pace = Pace(torch.get_num_threads() if on_cpu else 1, torch.set_num_threads)
        self.dialect = get_dialect(self.trainee.loaded.dialect)
        reporter.update(phase="preparing", message=self.trainee.loaded.notice)
        self.feed = Feed(job, self.dialect, self.trainee.loaded.tokenizer)
        self.validator = Validator(job, self.trainee, self.feed)
        self.total = self.feed.total_steps()
        if cache := self.feed.cache:
            logger.info("tokens: made of %d scenarios, %d were kept by an earlier run", cache.made, cache.found)
        self.step = 0
        self.validation_seconds = 0.0
        self.last_loss = 0.0
        self.place: Place = (0, 0)
        self.board: Board = NoBoard()
        self.best: dict[str, Tensor] = {}
        self.checkpointed, self.checkpoint_seconds = time.time(), 0.0

    def run(self) -> Ending:
        """Train until the end, the time limit, a cancel or an early stop; the best adapter stays in the folder."""
        reporter, interval = self.reporter, validation_interval(self.settings, self.total)
        self._resume()
        self.board = open_board(self.settings.report_to, self.folder.path, self.step)
        reporter.update(phase="training", step=self.step, total_steps=self.total)
        self.began, self.first = time.time(), self.step
        for place, batches in self.feed.steps(self.place, self.step):
            self.place = place
            if reporter.cancelled:
                self._checkpoint()
                return self._end("Stopped; the adapter has what was learned until then.", stopped=True)
            if self._out_of_time():
                return self._end(f"The time limit ended the run after {self.step} of {self.total} steps.")
            self._train(batches)
            if self.step % interval == 0 and self.step < self.total:
                self._validate()
                if self.validator.hopeless:
                    return self._end(f"Ended early: no improvement in {self.settings.early_stop_patience} validations.")
            if self._checkpoint_is_due():
                self._checkpoint()
        return self._end("")

    def _train(self, batches: list[Batch]) -> None:
        started = time.time()
        rate = learning_rate(self.settings, self.step, self.total, self.reporter.seconds)
        try:
            self.last_loss, norm = self.trainee.step(batches, rate)
        except FloatingPointError as error:
            raise WorkbenchError(
                f"Training went astray at step {self.step + 1}: the loss is no longer a number.",
                "Start again with a lower learning rate.",
            ) from error
        self.step += 1
        epoch, number = self.place
        self.place = (epoch, number + 1)
        seconds = time.time() - started
        self.pace.note(seconds)
        row = {
            "step": self.step,
            "epoch": epoch + 1,
            "time": round(self.reporter.seconds, 3),
            "loss": self.last_loss,
            "learning_rate": rate,
            "grad_norm": norm,
            "steps_per_second": 1 / seconds,
            "examples_per_second": sum(len(batch.examples) for batch in batches) / seconds,
            "memory_mb": round(psutil.Process().memory_info().rss / 2**20, 1),
        }
        self._metric(row)
        self.reporter.update(step=self.step, eta_s=self._eta())

    def _metric(self, row: Mapping[str, Any]) -> None:
        self.reporter.metric(row)
        self.board.write(row)

    def _validate(self) -> None:
        """Measure the model; keep the adapter if it is the best."""
        if not self.validator.has_scenarios:
            return
        started = time.time()
        self.reporter.update(phase="validating")
        found = self.validator.measure(self.step)
        self._metric({"step": self.step, "time": round(self.reporter.seconds, 3), **found.figures})
        if found is self.validator.best:
            self._save()
        return_memory()
        self.validation_seconds = time.time() - started
        self.reporter.update(phase="training")

    def _save(self) -> None:
        self.reporter.update(phase="saving")
        self.best = self.trainee.weights()
        self.trainee.save(self.folder.adapter, self.job.model.base, self.best)

    def _checkpoint_is_due(self) -> bool:
        if self.settings.checkpoint_every:
            return self.step % self.settings.checkpoint_every == 0
        pause = max(CHECKPOINT_SECONDS, self.checkpoint_seconds / CHECKPOINT_SHARE)
        return time.time() - self.checkpointed > pause

    def _checkpoint(self) -> None:
        started = time.time()
        tensors = {f"weights/{name}": weight for name, weight in self.trainee.weights().items()}
        tensors |= {f"optimizer/{name}": state for name, state in self.trainee.optimizer_state().items()}
        tensors |= {f"best/{name}": weight for name, weight in self.best.items()}
        state = {
            "step": self.step,
            "place": self.place,
            "seconds": self.reporter.seconds,
            "last_loss": self.last_loss,
            "validations": self.validator.to_state(),
            "validation_seconds": self.validation_seconds,
        }
        checkpoint.write(self.folder, Checkpoint(tensors, state))
        self.checkpointed, self.checkpoint_seconds = time.time(), time.time() - started

    def _resume(self) -> None:
        """Go back to the newest checkpoint, if there is one. The adapter in the folder becomes that of its time."""
        found = checkpoint.restore(self.folder)
        if found is None:
            return self._warm_start()
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "optimizer": {}, "best": {}}
        for name, tensor in found.tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor
        self.trainee.restore(parts["weights"], parts["optimizer"])
        state = found.state
        self.step, self.last_loss, self.best = state["step"], state["last_loss"], parts["best"]
        self.place = (state["place"][0], state["place"][1])
        self.validator.go_on_from(state["validations"])
        self.validation_seconds = state["validation_seconds"]
        if self.best:
            self.trainee.save(self.folder.adapter, self.job.model.base, self.best)
        self.reporter.go_on_from(state["seconds"])

    def _warm_start(self) -> None:
        """Begin with the adapter that lies in the folder, if there is one."""
        folder = self.folder.path / "warm_start"
        if not folder.is_dir():
            return
        try:
            self.trainee.start_from(read_adapter(folder, self.trainee.masters))
        except (KeyError, ValueError) as error:
            raise WorkbenchError(
                "The adapter of the warm start has other layers or another rank than this run.",
                "Choose the settings of the run that it comes from, or start without it.",
            ) from error

    def _end(self, message: str, stopped: bool = False) -> Ending:
        """A last validation decides between this adapter and the best so far; a cancelled run does without."""
        if not stopped:
            self._validate()
        if not self.best:
            self._save()
        self.board.close()
        summary = {
            "steps": self.step,
            "total_steps": self.total,
            "loss": self.last_loss,
            "train_seconds": round(self.reporter.seconds, 1),
            "peak_memory_mb": peak_memory_mb(),
            **self.trainee.loaded.batching,
        }
        if cache := self.feed.cache:
            summary |= {"tokenized": cache.made, "tokens_from_cache": cache.found}
        if best := self.validator.best:
            summary |= {"best_step": best.step, **best.figures}
        return Ending("stopped" if stopped else "done", message, summary)

    def _out_of_time(self) -> bool:
        limit = self.settings.max_seconds
        return bool(limit) and self.reporter.seconds > limit - self.validation_seconds - SAVING_SECONDS

    def _eta(self) -> float:
        """Seconds to go, from the speed so far, validations included."""
        eta = (time.time() - self.began) / (self.step - self.first) * (self.total - self.step)
        limit = self.settings.max_seconds
        return round(min(eta, max(0.0, limit - self.reporter.seconds)) if limit else eta, 1)
