"""The training loop: epochs, schedule, metrics, validation, the best adapter. Knows no store and no UI."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import math
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count, islice
from typing import Any

import psutil
import torch
from torch import Tensor

from workbench.dialects import get_dialect
from workbench.errors import WorkbenchError
from workbench.inference.engine import load_base, pick_device, set_up_process
from workbench.inference.replies import reply_to
from workbench.records import Scenario
from workbench.runfolder import Ending, Reporter, RunFolder
from workbench.scenarios.noise import ValuePool
from workbench.scenarios.scoring import score
from workbench.training import checkpoint
from workbench.training.augment import augment
from workbench.training.boards import Board, NoBoard, open_board, refuse_missing
from workbench.training.checkpoint import Checkpoint
from workbench.training.examples import Example, make_examples
from workbench.training.job import Job
from workbench.training.lora import Trainee, read_adapter
from workbench.training.packing import Batch, make_batches
from workbench.training.settings import TrainSettings
from workbench.training.token_cache import TokenCache

VALIDATIONS, FEW_VALIDATIONS = 6, 3
SHORT_STEPS, SHORT_SECONDS = 60, 300.0
"""A run of fewer steps, or with a closer time limit, validates a few times only: each costs it many steps."""

MAX_NEW_TOKENS = 96
SAVING_SECONDS = 2.0
CHECKPOINT_SECONDS = 30.0
CHECKPOINT_SHARE = 0.05
"""At most this part of the time goes into checkpoints, unless a number of steps is set."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Validation:
    """Figures on the validation split after a step."""

    step: int
    loss: float
    exact: float
    tool: float

    @property
    def key(self) -> tuple[float, float]:
        """Bigger is better: exact calls first, then loss."""
        return (self.exact, -self.loss)


class Loop:
    """One training run from its first to its last step."""

    def __init__(self, job: Job, folder: RunFolder, reporter: Reporter) -> None:
        self.job, self.folder, self.reporter, self.settings = job, folder, reporter, job.settings
        refuse_missing(self.settings.report_to)
        set_up_process(self.settings.threads)
        torch.manual_seed(self.settings.seed)
        four_bits = pick_device(self.settings.device) if self.settings.quantization == "nf4" else None
        self.trainee = Trainee(*load_base(job.model.base, four_bits), self.settings)
        self.dialect = get_dialect(self.trainee.loaded.dialect)
        reporter.update(phase="preparing", message=self.trainee.loaded.notice)
        self.pool = ValuePool.of(job.train)
        self.cache = self._open_cache()
        self.checked = sample(job.validation, self.settings.validation_scenarios)
        self.validation = make_batches(self._examples(self.checked, 1.0), 32, random.Random(0))
        self.per_epoch = -(-len(self._batches(0)) // self.settings.accumulate)
        if self.cache:
            logger.info(
                "tokens: made of %d scenarios, %d were kept by an earlier run", self.cache.made, self.cache.found
            )
        self.total = self.settings.max_steps or self.per_epoch * self.settings.epochs
        self.step = 0
        self.validations: list[Validation] = []
        self.validation_seconds = 0.0
        self.last_loss = 0.0
        self.place = (0, 0)
        self.board: Board = NoBoard()
        self.best: dict[str, Tensor] = {}
        self.checkpointed, self.checkpoint_seconds = time.time(), 0.0

    def run(self) -> Ending:
        """Train until the end, the time limit, a cancel or an early stop; the best adapter stays in the folder."""
        reporter, interval = self.reporter, self.settings.validate_every or -(-self.total // self._validations())
        self._resume()
        self.board = open_board(self.settings.report_to, self.folder.path, self.step)
        reporter.update(phase="training", step=self.step, total_steps=self.total)
        self.began, self.first = time.time(), self.step
        for epoch, batches in self._schedule():
            if reporter.cancelled:
                self._checkpoint()
                return self._end("Stopped; the adapter has what was learned until then.", stopped=True)
            if self._out_of_time():
                return self._end(f"The time limit ended the run after {self.step} of {self.total} steps.")
            self._train(epoch, batches)
            if self.step % interval == 0 and self.step < self.total:
                self._validate()
                if self._hopeless():
                    return self._end(f"Ended early: no improvement in {self.settings.early_stop_patience} validations.")
            if self._checkpoint_is_due():
                self._checkpoint()
        return self._end("")

    def probe(self, startup_s: float) -> dict[str, Any]:
        """Two steps after a first one that warms up, and one validation: what the run would cost on this machine.

        The steps have a learning rate of 0, so that losses say nothing odd.

        Args:
            startup_s: seconds from the worker's start until it could train.

        Returns:
            ``{"seconds", "step_seconds", "validation_seconds", "startup_seconds", "total_steps", "memory_mb"}``.
        """
        at_once = self.settings.accumulate
        batches = sorted(self._batches(0), key=lambda batch: batch.weight)
        # The heaviest batch decides on the memory, one from the middle on the time.
        self.trainee.step(batches[-at_once:], 0.0)
        middle = batches[max(0, len(batches) // 2 - at_once) :][:at_once]
        started = time.time()
        for _ in range(2):
            self.trainee.step(middle, 0.0)
        step_s = (time.time() - started) / 2
        started = time.time()
        if self.validation:
            self.trainee.loss(self.validation)
            self._answer(self.checked)
        validation_s = time.time() - started
        interval = self.settings.validate_every or -(-self.total // self._validations())
        seconds = startup_s + self.total * step_s + -(-self.total // interval) * validation_s
        limit = self.settings.max_seconds
        return {
            "seconds": round(min(seconds, limit) if limit else seconds, 1),
            "step_seconds": round(step_s, 3),
            "validation_seconds": round(validation_s, 2),
            "startup_seconds": round(startup_s, 1),
            "total_steps": self.total,
            "memory_mb": peak_memory_mb(),
        }

    def _validations(self) -> int:
        limit = self.settings.max_seconds
        return FEW_VALIDATIONS if self.total < SHORT_STEPS or 0 < limit < SHORT_SECONDS else VALIDATIONS

    def _schedule(self) -> Iterator[tuple[int, list[Batch]]]:
        """Epoch and batches of each step from ``place`` on: epoch and number of the next step in it.

        Augmentation may give one epoch a batch more than another.
        """
        start, most, at_once = self.place, self.settings.max_steps, self.settings.accumulate
        steps = (
            ((epoch, number), batches[at : at + at_once])
            for epoch in (count(start[0]) if most else range(start[0], self.settings.epochs))
            for batches in [self._batches(epoch)]
            for number, at in enumerate(range(0, len(batches), at_once))
            if (epoch, number) >= start
        )
        for place, batches in islice(steps, most - self.step if most else None):
            self.place = place
            yield place[0], batches

    def _batches(self, epoch: int) -> list[Batch]:
        """The batches of an epoch; the same seed gives the same."""
        return_memory()
        rng = random.Random(f"{self.settings.seed}/{epoch}")
        scenarios = [augment(s, self.pool, rng) if rng.random() < self.settings.augment else s for s in self.job.train]
        return make_batches(self._examples(scenarios, self.settings.choice_weight), self.settings.batch_size, rng)

    def _examples(self, scenarios: Sequence[Scenario], choice_weight: float) -> list[Example]:
        tokenizer = self.trainee.loaded.tokenizer
        return make_examples(scenarios, self.job.toolset, self.dialect, tokenizer, choice_weight, self.cache)

    def _open_cache(self) -> TokenCache | None:
        tokenizer = self.trainee.loaded.tokenizer
        if self.job.cache is None or not tokenizer.is_fast:
            return None
        return TokenCache.open(self.job.cache, self.job.toolset, self.dialect, tokenizer)

    def _train(self, epoch: int, batches: list[Batch]) -> None:
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
        self.place = (epoch, self.place[1] + 1)
        seconds = time.time() - started
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
        """Loss and calls on (a sample of) the validation split; keep the adapter if it is the best."""
        if not self.validation:
            return
        started = time.time()
        self.reporter.update(phase="validating")
        loss = self.trainee.loss(self.validation)
        exact, tool = self._answer(self.checked)
        found = Validation(self.step, loss, exact, tool)
        best = all(found.key > other.key for other in self.validations)
        self.validations.append(found)
        row = {"validation_loss": loss, "validation_exact": exact, "validation_tool": tool}
        self._metric({"step": self.step, "time": round(self.reporter.seconds, 3), **row})
        if best:
            self._save()
        return_memory()
        self.validation_seconds = time.time() - started
        self.reporter.update(phase="training")

    def _answer(self, scenarios: Sequence[Scenario]) -> tuple[float, float]:
        """Parts of exact calls and of right tools."""
        outcomes = {scenario.id: scenario.outcome for scenario in scenarios}
        self.trainee.loaded.model.eval()
        scores = [
            score(reply.scenario_id, outcomes[reply.scenario_id], reply.parsed, self.job.toolset)
            for reply in reply_to(self.trainee.loaded, scenarios, self.job.toolset, MAX_NEW_TOKENS)
        ]
        return sum(s.exact for s in scores) / len(scores), sum(s.tool_correct for s in scores) / len(scores)

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
            "validations": [asdict(found) for found in self.validations],
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
        self.validations = [Validation(**row) for row in state["validations"]]
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
        if self.cache:
            summary |= {"tokenized": self.cache.made, "tokens_from_cache": self.cache.found}
        if self.validations:
            best = max(self.validations, key=lambda found: found.key)
            summary |= {"best_step": best.step, "validation_loss": best.loss}
            summary |= {"validation_exact": best.exact, "validation_tool": best.tool}
        return Ending("stopped" if stopped else "done", message, summary)

    def _hopeless(self) -> bool:
        patience = self.settings.early_stop_patience
        if not patience or len(self.validations) <= patience:
            return False
        before = max(found.key for found in self.validations[:-patience])
        return all(found.key <= before for found in self.validations[-patience:])

    def _out_of_time(self) -> bool:
        limit = self.settings.max_seconds
        return bool(limit) and self.reporter.seconds > limit - self.validation_seconds - SAVING_SECONDS

    def _eta(self) -> float:
        """Seconds to go, from the speed so far, validations included."""
        eta = (time.time() - self.began) / (self.step - self.first) * (self.total - self.step)
        limit = self.settings.max_seconds
        return round(min(eta, max(0.0, limit - self.reporter.seconds)) if limit else eta, 1)


def return_memory() -> None:
    """Give freed memory back to the system: batches differ in size, and their buffers leave holes that add up."""
    # Only glibc needs this, and only glibc has it.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def peak_memory_mb() -> int:
    """The most memory that this process has held: of the GPU where there is one, else of the computer."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**20)
    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):  # Windows
        return round(info.peak_wset / 2**20)
    import resource

    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)


def sample(scenarios: Sequence[Scenario], most: int) -> tuple[Scenario, ...]:
    """At most so many of the scenarios, always the same ones, so that validations can be compared."""
    if len(scenarios) <= most:
        return tuple(scenarios)
    return tuple(random.Random(0).sample(scenarios, most))


def learning_rate(settings: TrainSettings, step: int, total: int, seconds: float) -> float:
    """Rises over the warm-up, then follows the schedule, which ends at the last step or at the time limit.

    Args:
        step: steps done so far.
        seconds: since the worker began.
    """
    warm = min(1.0, (step + 1) / max(1.0, settings.warmup * total))
    done = max(step / total, seconds / settings.max_seconds if settings.max_seconds else 0.0)
    left = max(0.0, min(1.0, (1 - done) / (1 - settings.warmup)))
    fall = {"linear": left, "cosine": (1 - math.cos(math.pi * left)) / 2, "constant": 1.0}[settings.schedule]
    return settings.learning_rate * min(warm, fall)
