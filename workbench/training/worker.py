"""Worker of a training run: ``python -m workbench.training.worker RUN_FOLDER``.

Reads ``config.json`` and ``train.jsonl``; writes metrics, status and adapter into the same folder. Knows neither store
nor UI.
"""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.runfolder import Ending, Reporter, RunFolder, run_worker
from workbench.training.job import Job


def train(folder: RunFolder, reporter: Reporter) -> Ending:
    """Do the whole job of a run folder. Raises WorkbenchError for what a person can put right."""
    job = Job.read(folder)
    # torch, transformers and peft take seconds to import: the heart beats already.
    from workbench.training.loop import Loop

    return Loop(job, folder, reporter).run()


if __name__ == "__main__":
    sys.exit(run_worker(Path(sys.argv[1]), train))
