"""The command line of a worker, the same for every launcher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Resources:
    """What a worker computes with.

    Attributes:
        processes: how many processes of one machine share its steps.
        cpus, gpus: what a launcher reserves for all of them together; ``local`` reserves nothing.
    """

    processes: int = 1
    cpus: int = 1
    gpus: int = 0


ALONE = Resources()


class Launch(Protocol):
    """What every launcher offers: start ``python -m module folder`` so that it outlives this process.

    ``keep`` names further environment variables that the worker needs. Raises WorkbenchError when nothing was started.
    """

    def __call__(
        self, folder: Path, module: str, keep: Sequence[str] = (), resources: Resources = ALONE
    ) -> int | str: ...


def worker_command(python: str, module: str, folder: Path, processes: int = 1) -> list[str]:
    """``python -m module folder``; for several processes started by ``accelerate launch``.

    Everything that Accelerate would otherwise take from a person's configuration file is said here. Its option
    ``--multi_gpu`` starts one process a share on CPUs, too; ``--cpu`` would start only one without MPI.
    """
    worker = ["-m", module, str(folder)]
    if processes == 1:
        return [python, *worker]
    launcher = [python, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes)]
    fixed = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    return [*launcher, *fixed, *worker]
