"""A worker that does as a real one does but learns nothing: a detached process that is ready at once.

``settings`` of its config: ``seconds`` to work, ``fail`` to fail, ``right`` to answer every nth scenario as expected.
"""

import sys
import time
from pathlib import Path

from workbench.records import Parsed, Reply, Scenario
from workbench.runfolder import RunFolder, append_rows, iterate_rows
from workbench.runfolder.reporting import Ending, Reporter, run_worker


def work(folder: RunFolder, reporter: Reporter) -> Ending:
    config = folder.read_config()
    settings = config["settings"]
    if config["kind"] == "evaluate":
        return answer(folder, reporter, 1 if config["model"]["adapter"] else 2)
    steps = int(settings["epochs"])
    reporter.update(phase="training", total_steps=steps)
    for step in range(1, steps + 1):
        if reporter.cancelled:
            save(folder)
            return Ending("stopped", "Stopped.", {"train_seconds": reporter.seconds})
        if settings["seed"] == 13:
            raise MemoryError
        time.sleep(0.05)
        reporter.metric({"step": step, "time": reporter.seconds, "loss": 1 / step, "steps_per_second": 20.0})
        reporter.update(step=step, eta_s=(steps - step) * 0.05)
    reporter.metric({"step": steps, "validation_loss": 0.5, "validation_exact": 0.5})
    save(folder)
    return Ending("done", "", {"train_seconds": reporter.seconds, "loss": 1 / steps})


def answer(folder: RunFolder, reporter: Reporter, right: int) -> Ending:
    for i, row in enumerate(iterate_rows(folder.cases)):
        scenario = Scenario.from_dict(row["scenario"])
        calls = tuple(call.call for call in scenario.outcome.calls)
        known = Parsed("calls", calls) if calls else Parsed("text", text="NO_TOOL")
        parsed = known if i % right == 0 else Parsed("malformed", reason="=stub")
        append_rows(folder.replies, [Reply(scenario.id, f"raw {i}", parsed, 1.5, 10, 5, 0.5).to_dict()])
    return Ending("done", summary={"seconds": reporter.seconds})


def save(folder: RunFolder) -> None:
    folder.adapter.mkdir(exist_ok=True)
    (folder.adapter / "adapter_config.json").write_text("{}")


if __name__ == "__main__":
    sys.exit(run_worker(Path(sys.argv[1]), work))
