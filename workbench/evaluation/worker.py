"""Worker of an evaluation run: ``python -m workbench.evaluation.worker RUN_FOLDER``.

Reads ``config.json`` and ``cases.jsonl``; appends replies to ``replies.jsonl`` as they come. Started again on the same
folder it goes on where it was. Scores nothing: whoever reads the replies does.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from workbench.records import Model, Scenario, Toolset
from workbench.runfolder import (
    Ending,
    Reporter,
    RunFolder,
    append_rows,
    drop_torn_line,
    iterate_rows,
    read_rows,
    run_worker,
)


def evaluate(folder: RunFolder, reporter: Reporter) -> Ending:
    """Answer every case that has no reply yet. Raises WorkbenchError for what a person can put right."""
    config = folder.read_config()
    settings = config["settings"]
    toolset = Toolset.from_dict(config["toolset"])
    scenarios = [Scenario.from_dict(row["scenario"]) for row in iterate_rows(folder.cases)]
    drop_torn_line(folder.replies)
    answered = {row.get("scenario_id") for row in read_rows(folder.replies)}
    waiting = [scenario for scenario in scenarios if scenario.id not in answered]
    done, total = len(scenarios) - len(waiting), len(scenarios)
    reporter.update(step=done, total_steps=total)
    # torch and transformers take seconds to import: the heart beats already.
    from workbench.inference.engine import load, set_up_process
    from workbench.inference.replies import reply_to

    set_up_process(settings.get("threads", 0))
    loaded = load(Model(**config["model"]))
    reporter.update(phase="answering", message=loaded.notice)
    started, size = time.time(), settings.get("batch_size", 32)
    longest, constrained = settings.get("max_new_tokens", 128), settings.get("constrained", False)
    for count, reply in enumerate(reply_to(loaded, waiting, toolset, longest, size, constrained), 1):
        append_rows(folder.replies, [reply.to_dict()])
        if count % size == 0 or count == len(waiting):
            speed = count / (time.time() - started)
            reporter.metric({"done": done + count, "total": total, "per_second": speed, "time": reporter.seconds})
            reporter.update(step=done + count, eta_s=round((len(waiting) - count) / speed, 1))
            if reporter.cancelled and count < len(waiting):
                return Ending("stopped", f"Stopped after {done + count} of {total} replies.")
    return Ending("done", summary={"replies": total, "seconds": round(reporter.seconds, 1), **loaded.batching})


if __name__ == "__main__":
    sys.exit(run_worker(Path(sys.argv[1]), evaluate))
