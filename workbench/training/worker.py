"""Worker of a training run: ``python -m workbench.training.worker RUN_FOLDER``.

Started by ``accelerate launch`` in several processes, all but the first one only help with gradients (see ``team``).
Reads ``config.json`` and ``train.jsonl``; writes metrics, status and adapter into the same folder. Knows neither store
nor UI.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from workbench.runfolder import RunFolder
from workbench.runfolder.reporting import Ending, Reporter, run_worker
from workbench.training.job import Job
from workbench.training.pace import wait_awake


def train(folder: RunFolder, reporter: Reporter) -> Ending:
    """Do the whole job of a run folder. Raises WorkbenchError for what a person can put right."""
    job = Job.read(folder)
    wait_awake()
    # torch, transformers and peft take seconds to import: the heart beats already.
    from workbench.training.loop import Loop
    from workbench.training.team import leading, own_settings

    with leading(job.settings) as team:
        return Loop(replace(job, settings=own_settings(job.settings, 0)), folder, reporter, team).run()


def lend_a_hand(folder: RunFolder) -> None:
    """Compute a share of each step for the process that has the run. Writes nothing."""
    job = Job.read(folder)
    import torch

    from workbench.inference.engine import load_base, pick_device, set_up_process
    from workbench.training.lora import Trainee
    from workbench.training.team import helper_rank, join_as_helper, own_settings, serve

    join_as_helper()
    settings = own_settings(job.settings, helper_rank())
    set_up_process(settings.threads)
    # Other dropout than the leader's; the weights come from there.
    torch.manual_seed(settings.seed + helper_rank())
    four_bits = pick_device(settings.device) if settings.quantization == "nf4" else None
    serve(Trainee(*load_base(job.model.base, four_bits), settings))


if __name__ == "__main__":
    if os.environ.get("RANK", "0") == "0":
        sys.exit(run_worker(Path(sys.argv[1]), train))
    lend_a_hand(RunFolder(Path(sys.argv[1])))
