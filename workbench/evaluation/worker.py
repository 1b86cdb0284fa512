"""Worker of an evaluation run: ``python -m workbench.evaluation.worker RUN_FOLDER``.

Reads ``config.json``, ``cases.jsonl`` and, for models that answer with examples, ``examples.jsonl``; appends replies to
``replies.jsonl`` as they come. Started again on the same folder it goes on where it was; what an endpoint failed to
answer is not asked again. Scores nothing: whoever reads the replies does.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from workbench.evaluation.answerers import Answerer, open_answerer
from workbench.evaluation.job import Job, figures, told
from workbench.records import Reply, Scenario
from workbench.runfolder import RunFolder, append_rows, drop_torn_line, read_rows
from workbench.runfolder.reporting import Ending, Reporter, run_worker


def evaluate(folder: RunFolder, reporter: Reporter) -> Ending:
    """Answer every case that has no reply yet. Raises WorkbenchError for what a person can put right."""
    job = Job.read(folder)
    drop_torn_line(folder.replies)
    answered = {row.get("scenario_id") for row in read_rows(folder.replies)}
    waiting = [scenario for scenario in job.scenarios if scenario.id not in answered]
    total = len(job.scenarios)
    reporter.update(step=total - len(waiting), total_steps=total)
    with open_answerer(job, reporter.when_cancelled) as answerer:
        reporter.update(phase="answering", message=answerer.notice)
        done = total - len(waiting) + _answer(answerer, waiting, total, folder, reporter)
        summary = figures((Reply.from_dict(row) for row in read_rows(folder.replies) if row), job.service)
        summary |= {"replies": done, "seconds": round(reporter.seconds, 1), **answerer.summary}
    if done < total:
        return Ending("stopped", f"Stopped after {done} of {total} replies.", summary)
    return Ending("done", told(summary), summary)


def _answer(answerer: Answerer, waiting: list[Scenario], total: int, folder: RunFolder, reporter: Reporter) -> int:
    """Keep replies as they come and tell how far it is; returns how many came before the end or a cancel."""
    before, started, count = total - len(waiting), time.time(), 0
    for count, reply in enumerate(answerer.replies(waiting), 1):
        append_rows(folder.replies, [reply.to_dict()])
        if count % answerer.stride == 0 or count == len(waiting):
            speed = count / max(time.time() - started, 1e-6)
            row = {"done": before + count, "total": total, "per_second": speed, "time": reporter.seconds}
            reporter.metric(row)
            reporter.update(step=before + count, eta_s=round((len(waiting) - count) / speed, 1))
            if reporter.cancelled:
                break
    return count


if __name__ == "__main__":
    sys.exit(run_worker(Path(sys.argv[1]), evaluate))
