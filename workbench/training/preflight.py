"""Worker of a pre-flight: ``python -m workbench.training.preflight FOLDER``.

Reads what a training run reads; writes ``sights.jsonl`` (what each scenario becomes, the shared beginnings first) and,
as the summary of its status, counts and what the run would cost. Learns nothing that is kept.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from workbench.runfolder import RunFolder, append_rows
from workbench.runfolder.reporting import Ending, Reporter, run_worker
from workbench.training.job import Job

SIGHTS = "sights.jsonl"


def check(folder: RunFolder, reporter: Reporter) -> Ending:
    """Look at every scenario, then try two steps. Raises WorkbenchError for what a person can put right."""
    job = Job.read(folder)
    # torch, transformers and peft take seconds to import: the heart beats already.
    from workbench.training.inspection import inspect_scenarios
    from workbench.training.loop import Loop
    from workbench.training.probing import probe

    loop = Loop(job, folder, reporter)
    startup = reporter.seconds
    reporter.update(phase="inspecting")
    config = loop.trainee.loaded.model.config.get_text_config()
    rows = [(one, "train") for one in job.train] + [(one, "validation") for one in job.validation]
    context = int(getattr(config, "max_position_embeddings", 0) or 0)
    found = inspect_scenarios(rows, job.toolset, loop.dialect, loop.trainee.loaded.tokenizer, context)
    lines: list[dict[str, Any]] = [{"prefix": number, "pieces": one} for number, one in enumerate(found.prefixes)]
    append_rows(folder.path / SIGHTS, [*lines, *(sight.to_dict() for sight in found.sights)])
    tokens = [sight.tokens for sight in found.sights]
    summary = {
        "scenarios": len(found.sights),
        "blocked": sum(bool(sight.reasons) for sight in found.sights),
        "longest": max(tokens),
        "tokens": sum(tokens),
        "trained_tokens": sum(sight.trained for sight in found.sights),
        "context": context,
        **loop.trainee.loaded.batching,
    }
    if reporter.cancelled:
        return Ending("stopped", "Stopped.", summary)
    reporter.update(phase="probing")
    return Ending("done", loop.trainee.loaded.notice, {**summary, **probe(loop, startup)})


if __name__ == "__main__":
    sys.exit(run_worker(Path(sys.argv[1]), check))
