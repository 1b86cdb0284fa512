"""Worker of a generation run: ``python -m workbench.generation.worker RUN_FOLDER``.

Reads ``config.json`` and ``cases.jsonl`` (what is there already); appends each answer to ``journal.jsonl`` as it comes.
Started again on the same folder, or on one with a copy of that journal, it asks only for what it does not have.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.generation.job import ASKS_PER_DRAFT, JOURNAL, Job, read_journal
from workbench.inference.chat_client import ChatClient
from workbench.inference.completions import Answer, ChatFailure, Completion
from workbench.records import Scenario
from workbench.runfolder import RunFolder, append_rows, drop_torn_line
from workbench.runfolder.reporting import Ending, Reporter, run_worker
from workbench.scenarios.generate import teacher
from workbench.scenarios.generate.novelty import Entry, Seen
from workbench.scenarios.generate.teacher import Ask, Harvest, Reject

MOST_FAILURES = 5
"""So many questions in a row without an answer end the run: the endpoint is down, and each waited for its retries."""


def generate(folder: RunFolder, reporter: Reporter) -> Ending:
    """Ask until there are as many drafts as wanted. Raises WorkbenchError for what a person can put right."""
    reporter.update(phase="preparing")
    job = Job.read(folder)
    drop_torn_line(folder.path / JOURNAL)
    work = _Work(job, folder, reporter)
    reporter.update(phase="asking", step=len(work.tally.drafts), total_steps=job.settings.count)
    with ChatClient(job.endpoint) as client, reporter.when_cancelled(client.stop):
        return work.run(client)


class _Work:
    """One run: what it has, and what it still needs."""

    def __init__(self, job: Job, folder: RunFolder, reporter: Reporter) -> None:
        self.job, self.folder, self.reporter = job, folder, reporter
        self.tally = read_journal(folder.path)
        self.seen = Seen(map(Entry.of, job.known), near=True)
        for draft in self.tally.drafts:
            self.seen.why_not(draft)
        self.shown = [scenario for scenario in job.known if scenario.split != "test"]
        self.by_id = {scenario.id: scenario for scenario in job.known}
        self.failures = 0

    def run(self, client: ChatClient) -> Ending:
        settings = self.job.settings
        most = ASKS_PER_DRAFT * -(-settings.count // settings.each) + len(self.job.gaps)
        every = teacher.asks(self.job.gaps, settings.each, settings.seed)
        open_asks = (ask for ask in itertools.islice(every, most) if ask.number not in self.tally.answered)
        while self.missing and (wave := list(itertools.islice(open_asks, -(-self.missing // settings.each)))):
            for ask, answer in client.complete_all(self._affordable(wave), self._question):
                self._take(ask, answer)
                # Answers under way are paid for: they are taken, too, but nothing new is asked.
                if ending := self._ending(answer):
                    return ending
            if self._spent:
                return self._end("done", "The money is spent.")
        if self.missing:
            return self._end("done", f"The teacher ran out of new ideas after {len(self.tally.answered)} questions.")
        return self._end("done")

    @property
    def missing(self) -> int:
        return max(self.job.settings.count - len(self.tally.drafts), 0)

    @property
    def _spent(self) -> bool:
        settings = self.job.settings
        return 0 < settings.max_cost <= settings.cost(self.tally.usage)

    def _affordable(self, wave: list[Ask]) -> Iterator[Ask]:
        return itertools.takewhile(lambda ask: not self._spent, wave)

    def _question(self, ask: Ask) -> tuple[list[dict[str, str]], dict[str, Any]]:
        settings = self.job.settings
        known = [self.by_id[ask.gap.of]] if ask.gap.of else self.shown
        options = {"temperature": settings.temperature, "max_tokens": settings.max_tokens}
        return teacher.messages(ask, self.job.toolset, known, settings.seed), options

    def _take(self, ask: Ask, answer: Answer) -> None:
        if isinstance(answer, ChatFailure) and answer.kind == "cancelled":
            return
        row: dict[str, Any] = {"ask": ask.number, "gap": ask.gap.to_dict()}
        if isinstance(answer, Completion):
            self.failures = 0
            row |= self._harvested(ask, answer)
        else:
            self.failures += 1
            row["failure"] = f"{answer.message} {answer.hint}".strip()
        append_rows(self.folder.path / JOURNAL, [row])
        self.tally.add(row)
        figures = self.tally.figures(self.job.settings)
        self.reporter.metric({**figures, "time": self.reporter.seconds})
        done = len(self.tally.drafts)
        eta = self.reporter.seconds / done * self.missing if done else None
        self.reporter.update(step=min(done, self.job.settings.count), eta_s=eta)

    def _harvested(self, ask: Ask, answer: Completion) -> Mapping[str, Any]:
        source = self.by_id.get(ask.gap.of)
        if answer.finish_reason == "length":
            reason = "the answer was cut at its greatest length; ask for fewer scenarios at once"
            harvest = Harvest(rejects=(Reject(answer.text[-teacher.SHOWN_CHARACTERS :], reason),))
        else:
            harvest = teacher.read(answer.text, ask, self.job.toolset, self.job.endpoint.model, source)
        fresh: list[Scenario] = []
        rejects = list(harvest.rejects)
        for draft in harvest.drafts:
            if reason := self.seen.why_not(draft):
                rejects.append(Reject(draft.request, reason))
            else:
                fresh.append(draft)
        return {
            "drafts": [draft.to_dict() for draft in fresh],
            "rejects": [reject.to_dict() for reject in rejects],
            "usage": asdict(answer.usage),
        }

    def _ending(self, answer: Answer) -> Ending | None:
        """How the run ends after this answer; None when it goes on."""
        if self.reporter.cancelled:
            return self._end("stopped", f"Stopped after {len(self.tally.drafts)} drafts.")
        if isinstance(answer, Completion):
            return None
        if answer.is_hopeless or self.failures >= MOST_FAILURES:
            return self._end("failed", f"{answer.message} {answer.hint}".strip())
        return None

    def _end(self, state: Any, message: str = "") -> Ending:
        figures = {**self.tally.figures(self.job.settings), "seconds": round(self.reporter.seconds, 1)}
        return Ending(state, message, figures)


if __name__ == "__main__":
    sys.exit(run_worker(Path(sys.argv[1]), generate))
