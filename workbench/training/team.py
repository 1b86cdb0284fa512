"""Several processes of one machine share the steps of a run: one leads, the others lend a hand with gradients.

A step's batches are dealt out. The leader alone has the run folder, the schedule and the optimizer; before each step it
sends the adapter's weights and everybody's batches, afterwards it adds the gradients up. So a run of N processes learns
what one process learns from N times as many batches a step, and a checkpoint does not depend on N. Gradients of an
adapter are a few megabytes: they travel through the computer's memory (gloo), whatever device computes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.inference.engine import pick_device
from workbench.training.packing import Batch
from workbench.training.settings import TrainSettings

PATIENCE = timedelta(days=7)
"""Helpers wait for the leader while it validates and saves."""
_LOOPBACK = "lo"


class Learner(Protocol):
    """What a team needs of a model in training; ``lora.Trainee`` is one."""

    masters: dict[str, Tensor]

    def add_gradients(self, batches: Sequence[Batch], weight: float) -> float: ...

    def start_from(self, weights: Mapping[str, Tensor]) -> None: ...


class Team(Protocol):
    """Who computes the gradients of a step."""

    def gradients(self, learner: Learner, batches: Sequence[Batch]) -> float:
        """Leave the gradient of the batches' mean loss at the learner's masters; returns that loss."""
        ...


class Alone:
    """A team of one."""

    def gradients(self, learner: Learner, batches: Sequence[Batch]) -> float:
        return learner.add_gradients(batches, sum(batch.weight for batch in batches))


@dataclass(frozen=True)
class Leader:
    """The process that has the run, with ``size - 1`` helpers."""

    size: int

    def gradients(self, learner: Learner, batches: Sequence[Batch]) -> float:
        """Raises WorkbenchError when a helper is gone."""
        weight = sum(batch.weight for batch in batches)
        with _in_touch():
            _deal([Order(tuple(batches[rank :: self.size]), weight) for rank in range(self.size)])
            dist.broadcast(_flat(learner.masters.values()), 0)
        value = learner.add_gradients(batches[:: self.size], weight)
        total = _gradients(learner, value)
        with _in_touch():
            dist.reduce(total, 0)
        for master, gradient in zip(learner.masters.values(), _cut(total[:-1], learner), strict=True):
            master.grad = gradient
        return float(total[-1])


@dataclass(frozen=True)
class Order:
    """A helper's part of one step.

    Attributes:
        weight: what the whole step weighs.
    """

    batches: tuple[Batch, ...]
    weight: float


@contextmanager
def leading(settings: TrainSettings) -> Iterator[Team]:
    """The team that the process's environment tells of, and its dismissal.

    Raises:
        WorkbenchError: this machine has fewer GPUs than processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Alone()
        return
    # Before the helpers are let in: one of them that fails ends everybody before this process can say why.
    for rank in range(size):
        pick_device(device_of(settings, rank))
    _join()
    try:
        yield Leader(size)
        _deal([None] * size)
    finally:
        dist.destroy_process_group()


def helper_rank() -> int:
    """The number of this helper, from 1; 0 when this process leads or is alone."""
    return int(os.environ.get("RANK", "0"))


def device_of(settings: TrainSettings, rank: int) -> str:
    """The device of a process: GPUs are handed out in order, a CPU is shared."""
    kind = pick_device(settings.device).type
    return f"{kind}:{rank}" if kind == "cuda" else kind


def own_settings(settings: TrainSettings, rank: int) -> TrainSettings:
    """The settings as the process of that number follows them."""
    return replace(settings, device=device_of(settings, rank)) if "WORLD_SIZE" in os.environ else settings


def join_as_helper() -> None:
    """Wait for the leader."""
    _join()


def serve(learner: Learner) -> None:
    """Compute what the leader hands out until it has no more."""
    while (order := _receive()) is not None:
        weights = _flat(learner.masters.values())
        dist.broadcast(weights, 0)
        learner.start_from(dict(zip(learner.masters, _cut(weights, learner), strict=True)))
        value = learner.add_gradients(order.batches, order.weight)
        dist.reduce(_gradients(learner, value), 0)


@contextmanager
def _in_touch() -> Iterator[None]:
    """torch.distributed raises RuntimeError when a process at the other end is gone."""
    try:
        yield
    except RuntimeError as error:
        raise WorkbenchError(
            "A process that shared the steps of the run has ended.", "The run's log says why; then resume the run."
        ) from error


def _join() -> None:
    # All processes are on this machine; its name need not lead anywhere.
    if (Path("/sys/class/net") / _LOOPBACK).exists():
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _LOOPBACK)
    dist.init_process_group("gloo", timeout=PATIENCE)


def _deal(orders: list[Any]) -> None:
    dist.scatter_object_list([None], orders, src=0)


def _receive() -> Order | None:
    found: list[Any] = [None]
    dist.scatter_object_list(found, None, src=0)
    order: Order | None = found[0]
    return order


def _flat(tensors: Any) -> Tensor:
    """All in one row, in the computer's memory."""
    return torch.cat([tensor.detach().reshape(-1).cpu() for tensor in tensors])


def _gradients(learner: Learner, value: float) -> Tensor:
    """The masters' gradients in one row, and a loss behind them."""
    found = (torch.zeros_like(one) if one.grad is None else one.grad for one in learner.masters.values())
    return torch.cat([_flat(found), torch.tensor([value])])


def _cut(row: Tensor, learner: Learner) -> list[Tensor]:
    """A row in the masters' shapes, on their device."""
    masters = list(learner.masters.values())
    pieces = row.split([master.numel() for master in masters])
    return [piece.view_as(master).to(master.device) for piece, master in zip(pieces, masters, strict=True)]
